"""What must hold of features whatever the matches: rows stand alone, and only the past speaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from betting_ai.features.build import Features, build
from betting_ai.features.facts import Facts
from betting_ai.features.history import summarise
from betting_ai.features.ratings import (
    ATTACK_VAR,
    DEFENCE_VAR,
    ELO,
    MARKET_VAR,
    RatingState,
    replay,
)
from betting_ai.features.spec import NAMES, FeatureSpec, column
from small_league import DAY, HOUR, Match, Quote, facts_of, known_at, seasons_of

SPEC = FeatureSpec()
FOREVER = 2**62
FACTS = seasons_of(teams=6)
HISTORY = summarise(FACTS, FOREVER, SPEC)
WHOLE = build(HISTORY, FACTS, np.arange(len(FACTS)), FACTS.kickoff - 1, SPEC)
ROWS = st.lists(st.integers(0, len(FACTS) - 1), min_size=1, max_size=12, unique=True).map(sorted)

prices = st.tuples(
    st.floats(1.3, 4.0), st.floats(2.8, 5.0), st.floats(1.3, 6.0)
).map(lambda p: tuple(np.round(p, 2).tolist()))  # fmt: skip
quotes = st.lists(
    st.builds(
        Quote,
        st.sampled_from(("AVG", "B365", "BFE", "MAX", "PS", "WH")),
        st.integers(1, 5 * 24).map(lambda hours: hours * HOUR),
        prices,
    ),
    max_size=8,
    unique_by=lambda quote: (quote.book, quote.before),
)


def of(facts: Facts, rows: list[int], before: int = 1) -> Features:
    at = np.array(rows)
    return build(summarise(facts, FOREVER, SPEC), facts, at, facts.kickoff[at] - before, SPEC)


@given(rows=ROWS)
def test_a_row_does_not_depend_on_the_rows_beside_it(rows: list[int]) -> None:
    some = build(HISTORY, FACTS, np.array(rows), FACTS.kickoff[rows] - 1, SPEC)
    assert some.matrix.tobytes() == WHOLE.matrix[rows].tobytes()
    assert some.cutoff.tolist() == WHOLE.cutoff[rows].tolist()


@settings(max_examples=25)
@given(row=st.integers(0, len(FACTS) - 1), seed=st.integers(0, 2**32 - 1))
def test_nothing_later_than_the_newest_price_moves_a_row(row: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    cutoff = int(WHOLE.cutoff[row])
    later = FACTS.quoted_at > cutoff
    factor = np.where(later[:, None], random.uniform(0.8, 1.3, FACTS.price.shape), 1.0)
    day_after = FACTS.result_known_at // DAY >= cutoff // DAY
    stats = np.where(day_after[:, None], random.integers(0, 9, FACTS.stats.shape), FACTS.stats)
    scrambled = replace(FACTS, price=np.maximum(FACTS.price * factor, 1.01), stats=stats)
    at = np.array([row])
    built = build(summarise(scrambled, FOREVER, SPEC), scrambled, at, cutoff + 0 * at, SPEC)
    if WHOLE.market.newest[row] >= 0:
        assert built.matrix[0].tobytes() == WHOLE.matrix[row].tobytes()


@settings(max_examples=25)
@given(row=st.integers(0, len(FACTS) - 1), wait=st.integers(1, 23 * HOUR))
def test_asking_later_changes_nothing_while_no_new_price_comes(row: int, wait: int) -> None:
    as_of = int(FACTS.kickoff[row]) - wait
    seen = known_at(FACTS, as_of)
    at = np.array([row])
    built = build(summarise(seen, as_of, SPEC), seen, at, np.array([as_of]), SPEC)
    assert built.matrix[0].tobytes() == WHOLE.matrix[row].tobytes()


@given(quotes=quotes, before=st.integers(1, 6 * DAY))
def test_any_prices_give_a_row_that_is_whole_or_all_missing(
    quotes: list[Quote], before: int
) -> None:
    facts = facts_of(Match("2022-08-06", "Leeds", "Hull", None, tuple(quotes)))
    built = of(facts, [0], before)
    row = built.matrix[0]
    if built.market.newest[0] < 0:
        assert np.isnan(row).all()
        return
    assert not np.isinf(row).any()
    assert built.market.newest[0] <= facts.kickoff[0] - before
    assert abs(np.exp(row[:3].astype(np.float64)).sum() - 1.0) < 1e-6
    assert SPEC.lead_hours[0] <= row[column("lead_hours")] <= SPEC.lead_hours[1]


@given(quotes=quotes, names=st.permutations(range(8)))
def test_the_order_in_which_quotes_are_given_is_nothing(
    quotes: list[Quote], names: list[int]
) -> None:
    shuffled = [quotes[i] for i in names if i < len(quotes)]
    one, two = (
        of(facts_of(Match("2022-08-06", "Leeds", "Hull", None, tuple(q))), [0])
        for q in (quotes, shuffled)
    )
    assert one.matrix.tobytes() == two.matrix.tobytes()


goals = st.tuples(st.integers(0, 12), st.integers(0, 12))


@given(scores=st.lists(goals, min_size=1, max_size=30))
def test_ratings_stay_sane_under_any_scores(scores: list[tuple[int, int]]) -> None:
    names = ("Leeds", "Hull", "Stoke")
    matches = [
        Match(str(np.datetime64("2022-08-06") + 3 * i), names[i % 3], names[(i + 1) % 3], score)
        for i, score in enumerate(scores)
    ]
    history = summarise(facts_of(*matches), FOREVER, SPEC)
    state = RatingState.empty(history.teams, history.leagues, SPEC)
    nobody = np.empty(0, dtype=np.int64)
    replay(history, state, nobody, nobody, nobody, nobody, SPEC)
    assert np.isfinite(state.team).all()
    assert abs(state.team[:, ELO].mean() - SPEC.elo_start) < 1e-6
    for column_ in (ATTACK_VAR, DEFENCE_VAR):
        assert (state.team[:, column_] > 0).all()
        assert (state.team[:, column_] <= SPEC.strength_prior_var + 1e-12).all()
    assert (state.team[:, MARKET_VAR] <= SPEC.market_prior_var).all()


def test_the_examples_see_priced_and_unpriced_events() -> None:
    assert 0 < (WHOLE.market.newest < 0).sum() < len(FACTS) / 10
    assert WHOLE.matrix.shape == (len(FACTS), len(NAMES))
