"""A checkpoint changes time, never a bit, and steps back when it does not fit."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import numpy as np
import pytest

from betting_ai.errors import ModelError
from betting_ai.features.build import build
from betting_ai.features.checkpoint import Checkpoint
from betting_ai.features.facts import Facts
from betting_ai.features.history import SECONDS_A_DAY, History, summarise
from betting_ai.features.spec import FeatureSpec
from small_league import Match, facts_of, seasons_of

SPEC = FeatureSpec()
FOREVER = 2**62
FACTS = seasons_of(seasons=(2014, 2015, 2016, 2017, 2018, 2019, 2020, 2021, 2022))
HISTORY = summarise(FACTS, FOREVER, SPEC)
PAYLOADS = {"E0/2021": "aa", "E1/2021": "bb"}


def cut(season: int) -> int:
    """The last UTC day of a season's results."""
    return int(HISTORY.known_day[HISTORY.season == season].max())


def made(through: int) -> Checkpoint:
    return Checkpoint.of(HISTORY.where(HISTORY.known_day <= through), PAYLOADS, SPEC)


def same(mine: History, theirs: History) -> bool:
    return all(
        np.array_equal(getattr(mine, f.name), getattr(theirs, f.name)) for f in fields(History)
    )


def asked(facts: Facts, through: int) -> np.ndarray:
    return np.flatnonzero(facts.kickoff > (through + 3) * SECONDS_A_DAY)


@pytest.mark.parametrize("season", [2015, 2019, 2021])
def test_with_it_and_only_newer_matches_the_matrix_is_the_same_to_the_bit(season: int) -> None:
    through = cut(season)
    rows = asked(FACTS, through)
    as_of = FACTS.kickoff[rows] - 1
    checkpoint = Checkpoint.from_bytes(made(through).to_bytes())
    fresh = FACTS.where(FACTS.day > through)  # all that a new installation has
    history = checkpoint.extended(summarise(fresh, FOREVER, SPEC))
    assert len(checkpoint.history) < (HISTORY.known_day <= through).sum() or season == 2015
    with_it = build(history, fresh, asked(fresh, through), as_of, SPEC, checkpoint.state)
    without = build(HISTORY, FACTS, rows, as_of, SPEC)
    assert len(rows) > 50
    assert with_it.matrix.tobytes() == without.matrix.tobytes()


def test_the_same_checkpoint_gives_the_same_bytes_and_comes_back() -> None:
    through = cut(2020)
    checkpoint = made(through)
    content = checkpoint.to_bytes()
    assert content == made(through).to_bytes()
    back = Checkpoint.from_bytes(content)
    assert same(back.history, checkpoint.history)
    assert np.array_equal(back.state.team, checkpoint.state.team)
    assert np.array_equal(back.state.league, checkpoint.state.league)
    assert (back.through, back.spec_hash) == (through, SPEC.hash)
    assert (back.digests, back.payloads) == (checkpoint.digests, PAYLOADS)
    with np.load(io.BytesIO(content), allow_pickle=False) as data:
        assert all(data[name].dtype != object for name in data.files)


def test_it_serves_questions_after_its_last_day_on_the_same_history() -> None:
    through = cut(2020)
    checkpoint = made(through)
    after = (through + 1) * SECONDS_A_DAY
    assert checkpoint.serves(after, SPEC, HISTORY)
    assert checkpoint.serves(after, SPEC, HISTORY.where(HISTORY.season >= 2021))
    assert checkpoint.serves(after, SPEC, HISTORY.where(HISTORY.season == 2017))
    assert not checkpoint.serves(after - 1, SPEC, HISTORY)
    assert not checkpoint.serves(after, replace(SPEC, elo_k=19.0), HISTORY)


def test_it_refuses_a_history_that_differs_where_it_covers_it() -> None:
    through = cut(2020)
    checkpoint = made(through)
    after = (through + 1) * SECONDS_A_DAY

    def with_other_score(row: int) -> History:
        stats = HISTORY.stats.copy()
        stats[row, 0] += 1
        return replace(HISTORY, stats=stats)

    assert not checkpoint.serves(after, SPEC, with_other_score(5))
    assert checkpoint.serves(after, SPEC, with_other_score(len(HISTORY) - 1))  # newer than it
    fewer = np.ones(len(HISTORY), dtype=np.bool_)
    fewer[5] = False
    assert not checkpoint.serves(after, SPEC, HISTORY.where(fewer))
    elsewhere = summarise(seasons_of(leagues=("SP1",), seasons=(2019,)), FOREVER, SPEC)
    assert checkpoint.serves(after, SPEC, elsewhere)  # a league it was not made of


def test_it_vouches_for_seasons_read_from_its_own_files_alone() -> None:
    checkpoint = made(cut(2021))
    assert checkpoint.vouches_for({("E0", 2021): {"aa"}, ("E1", 2021): {"bb"}})
    assert checkpoint.vouches_for({})
    for other in ({"zz"}, {"aa", "zz"}, set()):
        assert not checkpoint.vouches_for({("E0", 2021): other})
    assert not checkpoint.vouches_for({("E0", 2020): {"aa"}})


def test_results_it_has_are_not_taken_twice() -> None:
    checkpoint = made(cut(2020))
    assert same(checkpoint.extended(HISTORY), checkpoint.extended(
        HISTORY.where(HISTORY.known_day > checkpoint.through)
    ))  # fmt: skip


def test_an_empty_past_makes_an_empty_checkpoint() -> None:
    nothing = summarise(facts_of(Match("2022-08-06", "Leeds", "Hull")), FOREVER, SPEC)
    checkpoint = Checkpoint.from_bytes(Checkpoint.of(nothing, {}, SPEC).to_bytes())
    assert checkpoint.through == -1
    assert len(checkpoint.history) == 0


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04broken"])
def test_what_is_no_checkpoint_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError):
        Checkpoint.from_bytes(content)


def test_a_checkpoint_cut_short_is_refused() -> None:
    content = made(cut(2015)).to_bytes()
    with pytest.raises(ModelError):
        Checkpoint.from_bytes(content[: len(content) // 2])
