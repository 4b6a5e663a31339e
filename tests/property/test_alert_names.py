"""Whatever teams, leagues and books are called, the message is well formed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alert_examples import FOREST, FOREST_PICK, slate_of, told
from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import NearMiss, Rationale, Reason, Shortfall
from betting_ai.usecases.alert_text import MOST_BYTES, WIDTH

# Any character, lone surrogates too; and what headers, terminals and line breaks are made of.
NAMES = st.text(st.characters(), max_size=300) | st.lists(
    st.sampled_from(["\r\n", "Bcc: x@example.org", "\x1b[31m", "\u202e", "\u2028", "ﷺ", "e\u0301"])
).map("".join)


@given(NAMES, NAMES, NAMES, NAMES, NAMES, st.sampled_from(Outcome))
def test_odd_names_break_nothing(
    home: str, away: str, league: str, book: str, why: str, outcome: Outcome
) -> None:
    candidate = replace(
        FOREST, home=home, away=away, league=league, bookmaker=book, outcome=outcome
    )
    pick = replace(FOREST_PICK, candidate=candidate, rationale=Rationale(why, (why,), {}))
    miss = NearMiss(candidate, (Shortfall(Reason.HIGH_RISK, 0.1),))
    message = told(slate_of(pick, pick, pick, near_misses=(miss,) * 3, data_sources=(why,)))
    assert len(message.text.encode()) < MOST_BYTES
    lines = message.text.split("\n")
    assert all(len(line) <= WIDTH and (line.isprintable() or not line) for line in lines)
    assert message.subject.isascii()
    assert message.subject.isprintable()
