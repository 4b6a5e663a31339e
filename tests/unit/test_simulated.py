"""The simulated league: same seed same bytes, one parser reads it, and the truth is the truth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.adapters.feeds.football_data.normaliser import FootballDataNormaliser
from betting_ai.adapters.feeds.football_data.parser import first_spelling, parse_season_file
from betting_ai.adapters.feeds.simulated import (
    Simulated,
    SimulatedFeed,
    Simulation,
    fair_line,
    handicap,
    over_under,
    priced,
    results,
    simulate,
    write_season_files,
)
from betting_ai.clock import FixedClock
from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER, Market
from betting_ai.domain.odds import fair_probabilities
from betting_ai.domain.probabilities import cross_entropy
from betting_ai.errors import InvalidInputError, NothingToDoError, UnknownLeagueError
from betting_ai.features.facts import Facts, Floats, Ints, merge
from betting_ai.features.market import closing_consensus, consensus_before_kickoff
from betting_ai.features.spec import FeatureSpec
from betting_ai.ports.feeds import FeedRequest, PayloadKind

SMALL = Simulation(leagues=("E0", "SP1"), seasons=(2021, 2022), teams=6)
LARGE = Simulation(leagues=("D1", "E0", "E1", "F1"), seasons=(2020, 2021, 2022))
CLOCK = FixedClock(datetime(2025, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def large() -> Simulated:
    return simulate(LARGE)


@pytest.fixture(scope="module")
def facts(large: Simulated) -> Facts:
    return large.facts()


def log_rates(large: Simulated, facts: Facts) -> Floats:
    return large.truth.log_rates[large.truth.rows(facts.event_id)]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, again = simulate(SMALL), simulate(SMALL)
    assert first.files == again.files
    assert np.array_equal(first.truth.log_rates, again.truth.log_rates)
    other = simulate(replace(SMALL, seed=2)).files
    assert all(other[key] != content for key, content in first.files.items())


def test_a_division_does_not_depend_on_the_others_made() -> None:
    together, alone = simulate(SMALL).files, simulate(replace(SMALL, leagues=("SP1",))).files
    assert alone == {key: content for key, content in together.items() if key[0] == "SP1"}


def test_the_one_parser_keeps_every_row_and_every_quote(large: Simulated) -> None:
    quotes = sum(3 if book.goal_lines else 1 for book in LARGE.books) + 2 * 3  # and AVG, MAX
    for (league, season), content in large.files.items():
        parsed = parse_season_file(content, league=league, season=season, name="made.csv")
        report = parsed.report
        assert (report.rows_read, report.rows_kept) == (380, 380)
        assert (report.rows_refused, report.rows_repaired, report.quotes_refused) == ({}, {}, {})
        assert report.quotes_kept == 380 * quotes * 2
        assert (parsed.facts.stats >= 0).all()
        assert not parsed.facts.time_assumed.any()


def test_a_season_is_a_double_round_robin(facts: Facts) -> None:
    for league in range(len(facts.leagues)):
        its = (facts.league == league) & (facts.season == 2021)
        pairs = set(zip(facts.home[its].tolist(), facts.away[its].tolist(), strict=True))
        assert len(pairs) == its.sum() == 20 * 19
        played = np.concatenate([facts.home[its], facts.away[its]])
        day = np.tile(facts.day[its], 2)
        order = np.lexsort((day, played))
        rest = np.diff(day[order])[np.diff(played[order]) == 0]
        assert rest.min() >= 2


def test_prices_stand_before_kickoff_and_at_it(facts: Facts) -> None:
    ahead = facts.kickoff[facts.quote_event] - facts.quoted_at
    early = ahead[ahead > 0]
    assert len(early) * 2 == len(ahead)
    assert early.min() >= 3_600
    assert early.max() <= 80 * 3_600
    assert len(np.unique(early)) > 5


def test_average_and_maximum_are_of_the_named_books(facts: Facts) -> None:
    result = facts.quote_market == Market.MATCH_RESULT
    early = facts.quoted_at < facts.kickoff[facts.quote_event]
    grid = facts.price[result & early].reshape(len(facts), len(facts.books), 3)
    summaries = [facts.books.index(code) for code in ("AVG", "MAX")]
    named = np.delete(grid, summaries, axis=1)
    assert np.abs(grid[:, summaries[0]] - named.mean(axis=1)).max() <= 0.005 + 1e-9
    assert np.array_equal(grid[:, summaries[1]], named.max(axis=1))


def test_truths_are_those_of_the_score_grid() -> None:
    rates = np.array([[1.6, 0.9], [0.7, 2.4], [1.2, 1.2]])
    goals = np.arange(40.0)
    factorial = np.cumsum(np.log(np.maximum(goals, 1.0)))
    home, away = (np.exp(goals * np.log(rates[:, [k]]) - rates[:, [k]] - factorial) for k in (0, 1))
    score = home[:, :, None] * away[:, None, :]
    ahead, total = goals[:, None] - goals, goals[:, None] + goals
    expected = [(score * mask).sum(axis=(1, 2)) for mask in (ahead > 0, ahead == 0, ahead < 0)]
    assert results(np.log(rates)) == pytest.approx(np.column_stack(expected), abs=1e-7)
    over = (score * (total > 2.5)).sum(axis=(1, 2))
    assert over_under(np.log(rates)) == pytest.approx(np.column_stack([over, 1 - over]), abs=1e-7)
    for line in (-2.5, -0.5, 0.5, 1.5):
        covers = (score * (ahead + line > 0)).sum(axis=(1, 2))
        found = handicap(np.log(rates), np.full(3, line))
        assert found == pytest.approx(np.column_stack([covers, 1 - covers]), abs=1e-7)


def test_the_line_is_the_nearest_to_even() -> None:
    at = np.log([[1.5, 1.4], [2.6, 0.8], [0.6, 2.2]])
    assert fair_line(at).tolist() == [-0.5, -1.5, 1.5]


def test_goals_come_as_the_truth_says(large: Simulated, facts: Facts) -> None:
    goals = facts.stats[:, :2]
    expected = np.exp(log_rates(large, facts))
    error = np.sqrt(expected.sum(axis=0)) / len(facts)
    assert (np.abs((goals - expected).mean(axis=0)) < 4.0 * error).all()
    won = np.where(goals[:, 0] > goals[:, 1], 0, np.where(goals[:, 0] == goals[:, 1], 1, 2))
    shown = {
        MATCH_RESULT: np.eye(3)[won],
        OVER_UNDER: np.eye(2)[np.where(goals.sum(axis=1) > 2.5, 0, 1)],
    }
    for market, happened in shown.items():
        p = large.truth.probabilities(facts.event_id, market)
        for k in range(market.width):
            for its in np.array_split(np.argsort(p[:, k]), 5):
                error_ = np.sqrt((p[its, k] * (1.0 - p[its, k])).sum()) / len(its)
                assert abs((happened - p)[its, k].mean()) < 4.0 * error_


def test_an_opinion_is_truth_and_habit_and_noise(large: Simulated, facts: Facts) -> None:
    """Before kick-off: the mean is that of the habits, and books differ by their own noise only."""
    truth = to_draw(results(log_rates(large, facts)))
    rests = []
    for book in LARGE.books:
        seen = to_draw(opinions(facts, book.code, early=True))
        rest = seen - (1.0 - book.flatness) * truth - np.array([book.lean, -book.lean])
        error = rest.std(axis=0) / np.sqrt(len(rest))
        assert (np.abs(rest.mean(axis=0)) < 4.5 * error + 1e-3).all()
        rests.append(rest / (1.0 - book.flatness))
    noise = np.array([book.noise / (1.0 - book.flatness) for book in LARGE.books])
    rounding = 0.003  # prices have two places
    for i in range(len(noise)):
        for k in range(i):
            between = np.cov((rests[i] - rests[k]).T)
            assert between[0, 0] == pytest.approx(2.0 * (noise[i] ** 2 + noise[k] ** 2), rel=0.1)
            assert between[1, 1] == pytest.approx(between[0, 0], rel=0.1)
            assert between[0, 1] == pytest.approx(between[0, 0] / 2.0, rel=0.15, abs=rounding**2)
    together = np.mean(rests, axis=0)
    assert together.std() > 2.0 * noise.mean()  # what all books miss together is more than noise


def test_the_close_is_unbiased_and_much_nearer_to_the_truth(large: Simulated, facts: Facts) -> None:
    p = large.truth.probabilities(facts.event_id, MATCH_RESULT)
    close, early = closing_consensus(facts), consensus_before_kickoff(facts, FeatureSpec())
    least = cross_entropy(p, p).mean()
    assert cross_entropy(p, close).mean() - least < (cross_entropy(p, early).mean() - least) / 8.0
    gap = close - p
    assert (np.abs(gap.mean(axis=0)) < 4.0 * gap.std(axis=0) / np.sqrt(len(gap))).all()
    slope = np.polyfit(to_draw(p).ravel(), to_draw(close).ravel(), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.01)


def test_the_market_is_as_hard_to_beat_as_a_real_one(large: Simulated, facts: Facts) -> None:
    """Real seasons: 0.0031 nats from the first price to the close, 0.074 from base rates."""
    p = closing_consensus(facts)
    least = cross_entropy(p, p).mean()
    early = cross_entropy(p, consensus_before_kickoff(facts, FeatureSpec())).mean() - least
    base = cross_entropy(p, np.tile(p.mean(axis=0), (len(p), 1))).mean() - least
    assert 0.0025 < early < 0.0040
    assert 0.05 < base < 0.09


def test_prices_hold_the_margin_and_give_the_opinion_back() -> None:
    opinion = np.array([[0.45, 0.28, 0.27], [0.88, 0.08, 0.04], [0.05, 0.15, 0.80]])
    prices = priced(opinion, 0.05)
    assert (1.0 / prices).sum(axis=1) == pytest.approx(np.full(3, 1.05), abs=0.01)
    assert fair_probabilities(prices) == pytest.approx(opinion, abs=0.005)
    assert np.array_equal(prices, np.round(prices, 2))
    assert priced(np.array([[0.9999, 0.0001]]), 0.05).min() >= 1.01


def test_the_feed_gives_what_was_asked_for() -> None:
    feed = SimulatedFeed(CLOCK, SMALL)
    every = feed.fetch(FeedRequest()).payloads
    assert [(p.league, p.season, p.kind) for p in every] == [
        (league, season, PayloadKind.SEASON) for league in ("E0", "SP1") for season in (2021, 2022)
    ]
    assert {p.source for p in every} == {"simulated"}
    parse = FootballDataNormaliser().parse
    facts = merge([parse(payload, first_spelling).facts for payload in every])
    assert facts.equals(simulate(SMALL).facts())
    (one,) = feed.fetch(FeedRequest(leagues=("SP1",), seasons=(2022,))).payloads
    assert (one.name, one.received_at) == ("2223/SP1.csv", CLOCK.now())
    with pytest.raises(NothingToDoError, match="E0, SP1 of 2021 to 2022"):
        feed.fetch(FeedRequest(leagues=("D1",)))
    with pytest.raises(UnknownLeagueError):
        feed.fetch(FeedRequest(leagues=("XX",)))


def test_season_files_in_a_folder_are_the_same_facts(tmp_path: Path) -> None:
    truth = write_season_files(tmp_path, SMALL)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.csv")) == [
        "2122/E0.csv", "2122/SP1.csv", "2223/E0.csv", "2223/SP1.csv",
    ]  # fmt: skip
    facts = SeasonFolder(tmp_path).load()
    assert facts.equals(simulate(SMALL).facts())
    assert len(truth) == len(facts) == 2 * 2 * 30
    assert np.array_equal(truth.event_id[truth.rows(facts.event_id)], facts.event_id)
    epoch = date(1970, 1, 1).toordinal()
    assert date.fromordinal(epoch + int(facts.day.max())) < date(2023, 6, 30)


def test_the_truth_does_not_guess() -> None:
    truth = simulate(SMALL).truth
    for unknown in (0, 2**62):
        with pytest.raises(InvalidInputError):
            truth.rows(np.array([unknown]))


@pytest.mark.parametrize(
    "wrong",
    [{"teams": 7}, {"teams": 2}, {"seasons": ()}, {"seasons": (2020, 2022)}, {"leagues": ("XX",)}],
)
def test_what_cannot_be_simulated_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((InvalidInputError, UnknownLeagueError)):
        replace(SMALL, **wrong)  # type: ignore[arg-type]


def opinions(facts: Facts, book: str, *, early: bool) -> Floats:
    """(n, 3) fair probabilities of a book's quotes of one moment."""
    before = facts.quoted_at < facts.kickoff[facts.quote_event]
    its: Ints = np.flatnonzero(
        (facts.quote_market == Market.MATCH_RESULT)
        & (before == early)
        & (facts.quote_book == facts.books.index(book))
    )
    return facts.fair(its)


def to_draw(p: Floats) -> Floats:
    """(n, 2) log-ratios of home and of away to draw."""
    return np.log(p[:, [0, 2]]) - np.log(p[:, [1]])
