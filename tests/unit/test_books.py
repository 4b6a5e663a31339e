"""Books: what a price of theirs means."""

from __future__ import annotations

import pytest

from betting_ai.domain.books import Book, BookKind, book


@pytest.mark.parametrize(
    ("code", "name", "kind"),
    [
        ("B365", "bet365", BookKind.NAMED),
        ("BFE", "Betfair Exchange", BookKind.EXCHANGE),
        ("AVG", "Market average", BookKind.AVERAGE),
        ("MAX", "Market maximum", BookKind.MAXIMUM),
        ("newbook", "newbook", BookKind.NAMED),
    ],
)
def test_a_code_tells_what_its_prices_mean(code: str, name: str, kind: BookKind) -> None:
    assert book(code) == Book(code, name, kind)
