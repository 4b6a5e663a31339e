from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from betting_ai.domain.record import canonical, digest

ENTRY = {"b": 0.1, "a": [1, None, "é"], "at": datetime(2025, 3, 15, 15, tzinfo=UTC)}
TEXT = '{"a":[1,null,"\\u00e9"],"at":"2025-03-15T15:00:00+00:00","b":0.1}'


def test_an_entry_has_one_text():
    assert canonical(ENTRY) == TEXT
    moscow = ENTRY["at"].astimezone(timezone(timedelta(hours=3)))
    assert canonical({"at": moscow, "b": 0.1, "a": (1, None, "é")}) == TEXT
    assert canonical({"price": Decimal("2.50")}) == '{"price":"2.50"}'


def test_a_hash_is_of_the_text_and_of_the_hash_before():
    alone = hashlib.sha256(TEXT.encode()).hexdigest()
    assert digest(ENTRY) == alone
    assert digest(ENTRY, alone) == hashlib.sha256((TEXT + alone).encode()).hexdigest()


def test_what_json_cannot_say_has_no_text():
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"p": float("nan")})
    with pytest.raises(TypeError, match="set has no place"):
        canonical({"p": set()})


def test_a_zero_has_no_sign() -> None:
    told = {"effects": [{"rest": -0.0}, (0.0, -1.5)]}
    assert canonical(told) == '{"effects":[{"rest":0.0},[0.0,-1.5]]}'
