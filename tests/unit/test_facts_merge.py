"""Merging facts: names re-indexed, canonical order, each event and quote once."""

from __future__ import annotations

import numpy as np

from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.features.facts import NEVER, Facts, merge

HEADER = "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,WHH,WHD,WHA\n"
E0_EARLY = "E0,10/08/2024,15:00,Arsenal,Wolves,2,0,H,1.2,7,15,1.22,6.5,13\n"
E0_LATE = "E0,17/08/2024,15:00,Leeds,Arsenal,1,1,D,5,4,1.65,,,\n"
SP1 = "SP1,10/08/2024,20:00,Betis,Girona,1,1,D,2.3,3.3,3.1,2.3,3.3,3.1\n"


def facts(league: str, *rows: str) -> Facts:
    content = (HEADER + "".join(rows)).encode()
    return parse_season_file(content, league=league, season=2024, name="test.csv").facts


def test_merging_nothing_is_empty() -> None:
    empty = merge([])
    assert (len(empty), empty.quotes, empty.teams) == (0, 0, ())
    assert empty.equals(merge([empty, empty]))


def test_order_of_parts_does_not_matter() -> None:
    parts = [facts("E0", E0_EARLY, E0_LATE), facts("SP1", SP1)]
    together = merge(parts)
    assert together.equals(merge(parts[::-1]))
    assert together.leagues == ("E0", "SP1")
    assert together.teams == (
        "ENG:Arsenal", "ENG:Leeds", "ENG:Wolves", "ESP:Betis", "ESP:Girona",
    )  # fmt: skip
    homes = [together.teams[i] for i in together.home]
    assert homes == ["ENG:Arsenal", "ESP:Betis", "ENG:Leeds"]
    books = [together.books[i] for i in together.quote_book]
    assert books == ["B365", "WH", "B365", "WH", "B365"]
    assert together.price[:, 0].tolist() == [1.2, 1.22, 2.3, 2.3, 5.0]


def test_events_and_quotes_are_held_once() -> None:
    part = facts("E0", E0_EARLY, E0_LATE)
    assert merge([part, part]).equals(part)


def test_the_part_that_knows_the_result_gives_the_event() -> None:
    fixture = facts("E0", E0_EARLY.replace("2,0,H", ",,"))
    played = facts("E0", E0_EARLY)
    assert fixture.result_known_at[0] == NEVER
    for parts in ([fixture, played], [played, fixture]):
        assert merge(parts).equals(played)


def test_of_two_prices_at_one_instant_the_earlier_part_stays() -> None:
    first, second = facts("E0", E0_EARLY), facts("E0", E0_EARLY.replace("1.2,7,15", "1.3,6,11"))
    merged = merge([first, second])
    assert np.array_equal(merged.price, first.price)
