"""The past as integers: what is in it, in what order, and digests that notice any change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from betting_ai.features.facts import MISSING, STATS
from betting_ai.features.history import (
    FIXED_POINT,
    SECONDS_A_DAY,
    History,
    join,
    positions,
    probabilities,
    stat,
    summarise,
)
from betting_ai.features.market import closing_consensus, consensus_before_kickoff
from betting_ai.features.spec import FeatureSpec
from small_league import AT_CLOSE, DAY, Match, Quote, facts_of, kickoff, seasons_of

SPEC = FeatureSpec()
FOREVER = 2**62


def history(*matches: Match, as_of: int = FOREVER) -> History:
    return summarise(facts_of(*matches), as_of, SPEC)


def same(mine: History, theirs: History) -> bool:
    return all(
        np.array_equal(getattr(mine, f.name), getattr(theirs, f.name))
        for f in dataclasses.fields(History)
    )


FIRST = Match("2022-08-06", "Leeds", "Hull", (2, 1), stats={"shots_home": 9})
SECOND = Match("2022-08-07", "Bury", "Stoke", (0, 0))


def test_only_results_known_by_then_are_in_it() -> None:
    known = kickoff(SECOND) + 8_100
    assert len(history(FIRST, SECOND, as_of=known)) == 2
    assert len(history(FIRST, SECOND, as_of=known - 1)) == 1
    assert len(history(FIRST, dataclasses.replace(SECOND, goals=None))) == 1


def test_counts_and_what_the_source_does_not_give() -> None:
    row = history(FIRST)
    assert (stat(row, "goals_home")[0], stat(row, "goals_away")[0]) == (2, 1)
    assert stat(row, "shots_home")[0] == 9
    assert all(stat(row, name)[0] == MISSING for name in STATS[2:] if name != "shots_home")


def test_a_result_after_midnight_counts_on_the_next_utc_day() -> None:
    late = dataclasses.replace(FIRST, hour=22.0)  # over at 00:15
    both = history(late, SECOND)
    sunday = kickoff(SECOND) // SECONDS_A_DAY
    assert both.known_day.tolist() == [sunday] * 2
    assert sorted(both.day.tolist()) == [sunday - 1, sunday]


def test_rows_lie_by_day_known_and_event() -> None:
    rows = summarise(seasons_of(), FOREVER, SPEC)
    keys = list(zip(rows.known_day.tolist(), rows.event_id.tolist(), strict=True))
    assert keys == sorted(keys)


def test_probabilities_are_kept_to_a_billionth() -> None:
    facts = seasons_of()
    rows = summarise(facts, FOREVER, SPEC)
    by_event = {key: i for i, key in enumerate(facts.event_id.tolist())}
    at = np.array([by_event[key] for key in rows.event_id.tolist()])
    for kept, exact in (
        (rows.opened, consensus_before_kickoff(facts, SPEC)[at]),
        (rows.closed, closing_consensus(facts)[at]),
    ):
        unpriced = np.isnan(exact[:, 0])
        assert 0 < unpriced.sum() < len(rows)
        assert (kept[unpriced] == MISSING).all()
        back = probabilities(kept)
        assert np.array_equal(np.isnan(back), np.isnan(exact))
        assert np.nanmax(np.abs(back - exact)) <= 1.0 / FIXED_POINT


def test_opened_is_before_kickoff_and_closed_at_it() -> None:
    quotes = (Quote("AVG", DAY, (2.0, 4.0, 4.0)), Quote("AVG", AT_CLOSE, (4.0, 4.0, 2.0)))
    row = history(dataclasses.replace(FIRST, quotes=quotes))
    assert row.opened[0].tolist() == [FIXED_POINT // 2, FIXED_POINT // 4]
    assert row.closed[0].tolist() == [FIXED_POINT // 4, FIXED_POINT // 4]


def test_joining_takes_each_event_once_and_the_newer_row() -> None:
    older, newer = history(FIRST), history(dataclasses.replace(FIRST, goals=(5, 0)), SECOND)
    both = join(older, newer)
    assert len(both) == 2
    assert same(both, newer)
    assert same(join(newer, older).where(np.array([1])), newer.where(np.array([1])))


def test_joining_the_parts_of_a_history_gives_it_back() -> None:
    rows = summarise(seasons_of(), FOREVER, SPEC)
    early = rows.known_day <= np.median(rows.known_day)
    assert same(join(rows.where(early), rows.where(~early)), rows)


def test_digests_depend_on_names_not_on_their_numbers() -> None:
    alone = summarise(seasons_of(leagues=("E0",)), FOREVER, SPEC)
    wide = alone.reindexed(("AUT", "E0"), tuple(sorted({"AUT:Rapid", "ZZZ:Z", *alone.teams})))
    assert wide.home[0] != alone.home[0]
    assert wide.chunk_digests() == alone.chunk_digests()
    assert set(alone.chunk_digests()) == {f"E0/{year}" for year in (2019, 2020, 2021, 2022)}


@pytest.mark.parametrize("column", ["event_id", "day", "known_day", "stats", "opened", "closed"])
def test_a_changed_number_changes_the_digest_of_its_league_season_alone(column: str) -> None:
    rows = summarise(seasons_of(leagues=("D1", "E0")), FOREVER, SPEC)
    values = getattr(rows, column).copy()
    values[-1] += 1
    before = rows.chunk_digests()
    after = dataclasses.replace(rows, **{column: values}).chunk_digests()
    chunk = f"{rows.leagues[rows.league[-1]]}/{rows.season[-1]}"
    assert {key for key in before if before[key] != after[key]} == {chunk}


def test_swapped_teams_change_the_digest() -> None:
    rows = history(FIRST)
    swapped = dataclasses.replace(rows, home=rows.away, away=rows.home)
    assert rows.chunk_digests() != swapped.chunk_digests()


def test_an_empty_history_is_a_history() -> None:
    nothing = history(dataclasses.replace(FIRST, goals=None))
    assert len(nothing) == 0
    assert nothing.chunk_digests() == {}
    assert same(join(nothing, history(FIRST)), history(FIRST))


def test_positions_of_names() -> None:
    assert positions(("a", "c"), ("a", "b", "c")).tolist() == [0, 2]
