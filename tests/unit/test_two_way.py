"""Sports without a draw: their markets, calendars, features and models, on generated seasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from betting_ai.backtest.evaluate import EvaluateCommand, evaluate, predictions_csv
from betting_ai.backtest.play import Yardstick
from betting_ai.backtest.replay import Replay
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import (
    BETTING_MARKETS,
    MATCH_RESULT,
    NBA_WINNER,
    OVER_UNDER,
    SELECTIONS,
    TENNIS_WINNER,
    Market,
    market_at,
    markets_of,
    winner_market,
)
from betting_ai.domain.settlement import winners
from betting_ai.domain.slate import Criteria
from betting_ai.domain.sports import BASKETBALL, FOOTBALL, SPORTS, TENNIS, leagues_of, sport_of
from betting_ai.domain.value import ConfidenceModel
from betting_ai.errors import InvalidInputError
from betting_ai.features.build import build
from betting_ai.features.facts import MISSING, Facts
from betting_ai.features.history import summarise
from betting_ai.features.market import market_view
from betting_ai.features.ratings import SKILL_VAR, RatingState, replay
from betting_ai.features.spec import (
    TWO_WAY_GROUPS,
    TWO_WAY_NAMES,
    FeatureSpec,
    column,
    consensus_columns,
    spec_of,
)
from betting_ai.models.manifest import ENSEMBLE, MANIFEST, MEMBERS, Manifest
from betting_ai.models.scorer import Scorer
from betting_ai.training.dataset import LONE_RESULT_WEIGHT, assemble, whole_history
from betting_ai.usecases.assess_events import Window
from small_contests import artifact, contests, market_of
from small_league import known_at
from small_model import promoted

TWO_WAY = (TENNIS, BASKETBALL)


def test_every_sport_has_one_market_on_who_wins() -> None:
    for sport in SPORTS.values():
        assert winner_market(sport.code).width == sport.outcomes
        assert {market.sport for market in markets_of(sport.code)} == {sport.code}
    assert {league.sport for league in LEAGUES.values()} == set(SPORTS)
    assert winner_market(FOOTBALL) is MATCH_RESULT
    assert markets_of(FOOTBALL) == (MATCH_RESULT, OVER_UNDER)


def test_a_market_is_found_by_sport_kind_and_line() -> None:
    for market in BETTING_MARKETS:
        assert market_at(market.sport, market.kind, market.line) is market
        assert set(market.outcomes) <= set(SELECTIONS[market.kind])
    other = market_at(FOOTBALL, Market.TOTALS, 3.5)
    assert (other.name, other.width) == ("", 2)


def test_winners_have_no_draw() -> None:
    assert winners(NBA_WINNER, [101, 90], [99, 104]).tolist() == [0, 1]
    assert winners(TENNIS_WINNER, 2, 0).tolist() == 0
    with pytest.raises(InvalidInputError, match="tennis_winner"):
        winners(TENNIS_WINNER, [2, 1], [0, 1])


def test_leagues_of_one_sport_at_a_time() -> None:
    assert sport_of(("ATP", "WTA")) == TENNIS
    assert sport_of(()) == FOOTBALL
    assert leagues_of(BASKETBALL) == ("NBA",)
    with pytest.raises(InvalidInputError, match="football and tennis"):
        sport_of(("E0", "ATP"))


@pytest.mark.parametrize(
    ("sport", "day", "season"),
    [
        (FOOTBALL, "2024-06-30", 2023), (FOOTBALL, "2024-07-01", 2024),
        (TENNIS, "2023-12-24", 2023), (TENNIS, "2023-12-25", 2024), (TENNIS, "2024-10-01", 2024),
        (BASKETBALL, "2023-01-16", 2022), (BASKETBALL, "2022-10-20", 2022),
    ],
)  # fmt: skip
def test_a_day_lies_in_the_season_whose_days_hold_it(sport: str, day: str, season: int) -> None:
    moment = date.fromisoformat(day)
    assert SPORTS[sport].season_of(moment) == season
    first, last = SPORTS[sport].season_days(season)
    assert first <= moment <= last
    assert SPORTS[sport].season_of(first) == SPORTS[sport].season_of(last) == season


def test_football_is_what_it_was() -> None:
    """The hash that the shipped football models carry: adding a sport changes no bit of it."""
    spec = FeatureSpec(pool_named=0.0)
    assert "sport_code" not in spec.to_dict()
    assert spec.hash == "2fa336dfab2047811a1501f80f3ffb50126f1434e2f57d22f966cea6b14c115c"


@pytest.mark.parametrize("sport", TWO_WAY)
def test_a_spec_comes_back_from_its_manifest(sport: str) -> None:
    spec = spec_of(sport)
    assert FeatureSpec.from_dict(spec.to_dict()) == spec
    assert spec.hash != FeatureSpec().hash
    assert spec.names == TWO_WAY_NAMES == tuple(n for g in TWO_WAY_GROUPS.values() for n in g)
    assert consensus_columns(market_of(sport)) == slice(0, 2)
    assert not [name for name in TWO_WAY_NAMES if "draw" in name or "shots" in name]


def built_all(facts: Facts, sport: str) -> np.ndarray:
    spec = spec_of(sport)
    history = summarise(facts, 2**62, spec)
    rows = np.arange(len(facts))
    return build(history, facts, rows, facts.kickoff - 1, spec, betting=market_of(sport)).matrix


@pytest.mark.parametrize("sport", TWO_WAY)
def test_rows_do_not_know_what_comes_after_their_prices(sport: str) -> None:
    facts = contests(sport)
    spec, whole = spec_of(sport), built_all(facts, sport)
    early = facts.quoted_at < facts.kickoff[facts.quote_event]
    moments = np.unique(facts.quoted_at[early])[::11]
    compared = 0
    for at in moments.tolist():
        known = known_at(facts, at)
        rows = np.flatnonzero((known.kickoff > at) & (known.kickoff < at + 2 * 86_400))
        history = summarise(known, at, spec)
        then = build(history, known, rows, np.full(len(rows), at), spec, betting=market_of(sport))
        priced = then.market.newest >= 0
        assert np.array_equal(then.matrix[priced], whole[rows[priced]], equal_nan=True)
        compared += int(priced.sum())
    assert compared > 50


def test_basketball_knows_last_nights_game_and_not_tonights() -> None:
    facts = contests(BASKETBALL)
    matrix, rest = built_all(facts, BASKETBALL), column("home_rest_days", BASKETBALL)
    assert np.nanmin(matrix[:, rest]) == 1.0
    last = facts.day == facts.day.max()
    turned = facts.stats[:, [1, 0, *range(2, 14)]]
    changed = replace(facts, stats=np.where(last[:, None], turned, facts.stats))
    assert np.array_equal(built_all(changed, BASKETBALL)[last], matrix[last], equal_nan=True)


def test_a_match_given_up_is_void_and_teaches_nothing() -> None:
    facts = contests(TENNIS)
    void = facts.ending > 0
    assert 10 < void.sum() < len(facts) / 20
    history = summarise(facts, 2**62, spec_of(TENNIS))
    assert not np.isin(facts.event_id[void], history.event_id).any()
    assert len(history) == (~void).sum()
    data = assemble(facts, history, spec_of(TENNIS), date(2012, 7, 1), TENNIS_WINNER)
    assert not void[data.rows].any()
    assert (Yardstick(facts, TENNIS_WINNER).winner[void] == -1).all()


@pytest.mark.parametrize("sport", TWO_WAY)
def test_ratings_learn_who_is_strong_and_grow_sure(sport: str) -> None:
    facts, spec = contests(sport), spec_of(sport)
    history = summarise(facts, 2**62, spec)
    state = RatingState.empty(history.teams, history.leagues, spec)
    nobody = np.empty(0, dtype=np.int64)
    replay(history, state, nobody, nobody, nobody, nobody, spec)
    assert (state.team[:, SKILL_VAR] < 0.2 * spec.strength_prior_var).all()
    matrix = built_all(facts, sport)
    late = (facts.season == 2022) & (facts.stats[:, 0] != MISSING)
    won = facts.stats[late, 0] > facts.stats[late, 1]
    for name in ("elo_difference", "skill_difference", "market_rating"):
        values = matrix[late, column(name, sport)]
        assert np.nanmedian(values[won]) > np.nanmedian(values[~won])


@pytest.mark.parametrize("sport", TWO_WAY)
def test_the_market_has_two_sides_that_sum_to_one(sport: str) -> None:
    facts = contests(sport)
    rows = np.arange(len(facts))
    view = market_view(facts, rows, facts.kickoff - 1, spec_of(sport), market_of(sport))
    priced = view.newest >= 0
    assert view.consensus.shape == (len(facts), 2)
    assert np.allclose(view.consensus[priced].sum(axis=1), 1.0)
    assert (view.newest[priced] < facts.kickoff[priced]).all()


@pytest.mark.parametrize("sport", TWO_WAY)
def test_four_members_are_trained_and_scored_through_one_graph(sport: str) -> None:
    files = artifact(sport)
    manifest = Manifest.from_json(files[MANIFEST])
    assert manifest.market == market_of(sport).name
    assert manifest.spec.sport_code == sport
    assert max(manifest.parity.values()) < 1e-5
    assert len(manifest.baselines.elo_slopes) == 2
    assert manifest.baselines.elo_slopes[0] > 0
    facts = contests(sport)
    scores = Scorer(files[ENSEMBLE]).score(built_all(facts, sport))
    assert scores.members.shape == (len(MEMBERS), len(facts), 2)
    assert np.nanmax(np.abs(scores.members.sum(axis=2) - 1.0)) < 1e-6


@pytest.mark.parametrize("sport", TWO_WAY)
def test_where_the_close_says_that_something_was_gained_the_gate_opens(sport: str) -> None:
    manifest = Manifest.from_json(artifact(sport)[MANIFEST])
    assert manifest.gate.open
    assert not manifest.market_only


@pytest.mark.parametrize("sport", TWO_WAY)
def test_without_closes_nothing_is_claimed(sport: str) -> None:
    files = artifact(sport, closes=False)
    manifest = Manifest.from_json(files[MANIFEST])
    assert (manifest.gate.open, manifest.gate.why) == (False, "no closes to judge it by")
    assert manifest.market_only
    assert set(manifest.pick_weights) == {0.0}
    assert manifest.confidence == ConfidenceModel.none()
    assert manifest.confidence.confidence({}) == 0.0
    assert manifest.metrics["confidence_beat_share"] is None
    card = files["card.md"].decode()
    assert "the gate is closed" in card
    assert "Nobody knows" in card
    facts, spec = contests(sport, closes=False), spec_of(sport)
    data = assemble(facts, whole_history(facts, spec), spec, date(2012, 7, 1), market_of(sport))
    assert set(data.weight.tolist()) == {LONE_RESULT_WEIGHT}
    assert not data.soft.any()


@pytest.mark.parametrize("closes", [True, False])
def test_a_season_is_evaluated_with_and_without_closes(closes: bool) -> None:
    facts = contests(TENNIS, closes)
    replayed = Replay(facts, promoted(artifact(TENNIS, closes)))
    command = EvaluateCommand(
        date(2022, 1, 1),
        date(2022, 12, 24),
        Window(as_of=datetime(2022, 1, 1, tzinfo=UTC)),
        Criteria("loose", 0.0, 0.0, 1.0),
        Decimal(1000),
        TENNIS_WINNER,
    )
    report = evaluate(replayed, command)
    sources = report.numbers["sources"]
    assert ("close" in sources) == closes
    assert sources["elo"]["log_loss"] > sources["market"]["log_loss"]
    assert sources["ensemble"]["log_loss"] < np.log(2.0)
    assert report.numbers["slates"]["asked"] >= 50
    assert report.numbers["picks"]["all"]["picks"] > 0
    header, *lines = predictions_csv(facts, report.predicted, TENNIS_WINNER).splitlines()
    assert header.startswith("date,league,home,away,p_home,p_away,xgb_p_home,xgb_p_away")
    assert len(lines) == report.numbers["priced"]
