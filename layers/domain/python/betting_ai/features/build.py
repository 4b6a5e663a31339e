"""The feature matrix: what was known about each event at its moment.

``build`` is the one function that training and serving both call. A row depends on the event, its
prices at or before ``as_of``, and results known before the UTC day of its newest price: nothing
later, and nothing about the other rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from betting_ai.domain.markets import (
    MARKET_AVERAGE,
    MATCH_RESULT,
    OVER_UNDER,
    BettingMarket,
    Market,
    markets_of,
    winner_market,
)
from betting_ai.domain.odds import fair_probabilities
from betting_ai.errors import LookAheadError
from betting_ai.features import form, ratings
from betting_ai.features.facts import Bools, Facts, Floats, Ints
from betting_ai.features.goal_lines import implied_results
from betting_ai.features.history import History, positions, stat
from betting_ai.features.market import (
    MarketView,
    first_and_latest_quotes,
    heard_books,
    latest_quotes,
    market_view,
    on_line,
    per_event,
    pooled,
)
from betting_ai.features.offers import best_two
from betting_ai.features.spec import SELECTIONS, FeatureSpec

Columns = Iterator[tuple[str, Floats | Ints]]


@dataclass(frozen=True, eq=False)
class Features:
    """The matrix and the market it was judged with.

    Attributes:
        matrix: (n, d) float32 in the order of the spec's names; missing is NaN.
        market: the market that is judged, of each event at its moment.
        cutoff: (n,) seconds since the epoch: ``min(as_of, time of the newest price)``; ``as_of``
            for an event without a usable price (its row is all NaN).
        lead_clamped: (n,) the lead time lies outside the trained range.
    """

    matrix: np.ndarray
    market: MarketView
    cutoff: Ints
    lead_clamped: Bools


def build(
    history: History,
    facts: Facts,
    rows: Ints,
    as_of: Ints,
    spec: FeatureSpec,
    state: ratings.RatingState | None = None,
    betting: BettingMarket = MATCH_RESULT,
) -> Features:
    """Features of some events, each at its own moment.

    Args:
        history: finished matches of the spec's sport; those not yet known at an event's cutoff are
            not looked at.
        facts: the events and their prices, of one sport: another's prices would be misread.
        rows: (n,) rows of the events in ``facts``, ascending.
        as_of: (n,) seconds since the epoch.
        spec: names and constants, and of which sport.
        state: ratings carried through an earlier part of ``history`` (left unchanged); only
            what it saves is time.
        betting: the market that is judged; its newest price is an event's moment.

    Raises:
        LookAheadError: an event had already begun at its ``as_of``, or ``state`` knows results that
            were not known at an event's cutoff.
    """
    if np.any(facts.kickoff[rows] <= as_of):
        raise LookAheadError("an event that has begun cannot be judged: as_of must lie before it")
    market = market_view(facts, rows, as_of, spec, betting)
    # An event without a price is not judged; its row must not ask for the past of 1970.
    cutoff = np.where(market.newest >= 0, np.minimum(as_of, market.newest), as_of)
    at = {name: i for i, name in enumerate(spec.names)}
    columns = np.full((len(at), len(rows)), np.nan, dtype=np.float32)
    lead = (facts.kickoff[rows] - cutoff) / 3_600.0
    clamped = (lead < spec.lead_hours[0]) | (lead > spec.lead_hours[1])
    clamped &= (market.newest >= 0) & ~facts.time_assumed[rows]
    views = {
        other: market if other is betting else market_view(facts, rows, cutoff, spec, other)
        for other in markets_of(spec.sport_code)
    }
    for name, values in _all_columns(history, facts, views, cutoff, lead, spec, state):
        if name in at:  # what a sport does not have, its spec does not name
            columns[at[name]] = values
    columns[:, market.newest < 0] = np.nan
    return Features(np.ascontiguousarray(columns.T), market, cutoff, clamped)


def _all_columns(
    history: History,
    facts: Facts,
    views: Mapping[BettingMarket, MarketView],
    cutoff: Ints,
    lead: Floats,
    spec: FeatureSpec,
    state: ratings.RatingState | None,
) -> Columns:
    market = views[winner_market(spec.sport_code)]
    for view in views.values():
        yield from market_columns(view)
        yield from _movement(facts, view, cutoff, spec)
    yield from _margins(market)
    if OVER_UNDER in views:
        yield from _goal_lines(facts, market.consensus, views[OVER_UNDER], cutoff)
    asked = Asked.of(history, facts, market.rows, cutoff, spec)
    yield from form_columns(asked, spec)
    yield from _rating_columns(asked, market, spec, state)
    yield from _calendar(asked, facts, market.rows)
    assumed = facts.time_assumed[market.rows]
    yield "lead_hours", np.where(assumed, np.nan, np.clip(lead, *spec.lead_hours))


def market_columns(market: MarketView) -> Columns:
    """A market's consensus, the prices on offer against it, and disagreement."""
    n = len(market)
    q = market.consensus
    open_to_all = market.takeable & market.heard[:, None]
    best, _, second = best_two(np.where(open_to_all, market.net, 0.0), market.quote_event, n)
    top = np.where(np.isnan(market.maximum), best, market.maximum)
    average_fair = fair_probabilities(market.average)
    for k, selection in enumerate(market.betting.outcomes):
        log_q = np.log(q[:, k])
        yield f"log_q_{selection}", log_q
        yield f"edge_best_{selection}", np.log(best[:, k]) + log_q
        yield f"edge_second_{selection}", np.log(second[:, k]) + log_q
        yield f"edge_top_{selection}", np.log(top[:, k]) + log_q
        yield f"dispersion_{selection}", market.dispersion[:, k] / q[:, k]
        if market.betting.kind is Market.MATCH_RESULT:
            yield f"average_lean_{selection}", np.log(average_fair[:, k]) - log_q


def _margins(market: MarketView) -> Columns:
    """How many books were heard, and what they charge."""
    n = len(market)
    event = market.quote_event[market.heard]
    margin = (1.0 / market.gross[market.heard]).sum(axis=1) - 1.0
    count = np.bincount(event, minlength=n)
    lowest = per_event(np.minimum, margin, event, n, np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(event, margin, minlength=n) / count
    yield "books", count
    yield "overround_average", (1.0 / market.average).sum(axis=1) - 1.0
    yield "overround_lowest", np.where(count > 0, lowest, np.nan)
    yield "overround_named", np.where(count > 0, mean, np.nan)


def _goal_lines(facts: Facts, consensus: Floats, totals: MarketView, cutoff: Ints) -> Columns:
    """The handicap line, and what it and the totals imply for the result."""
    n = len(totals)
    limit, local = _of_events(facts, totals.rows, cutoff)
    average = np.array([name == MARKET_AVERAGE for name in facts.books], dtype=np.bool_)
    speaks = heard_books(facts.books) | average
    rows = latest_quotes(facts, Market.HANDICAP, limit)
    rows = rows[speaks[facts.quote_book[rows]]]
    event, line = local[facts.quote_event[rows]], facts.quote_line[rows]
    main = _main_line(event, line, facts.quote_book[rows], facts.books, n)
    on_main = line == main[event]
    rows, event = rows[on_main], event[on_main]
    fair = facts.fair(rows, 2)[:, 0]
    whole = ~np.isnan(fair)
    covers, spread = _mean_and_spread(fair[whole], event[whole], n)
    yield "handicap_line", main
    yield "handicap_home", covers
    yield "handicap_spread", spread
    implied = implied_results(totals.consensus[:, 0], main, covers)
    for k, selection in enumerate(SELECTIONS):
        yield f"implied_lean_{selection}", np.log(implied[:, k]) - np.log(consensus[:, k])


def _of_events(facts: Facts, rows: Ints, cutoff: Ints) -> tuple[Ints, Ints]:
    """Of every event of the facts: its cutoff, and its place among ``rows``; -1 for the others."""
    limit, local = (np.full(len(facts), -1, dtype=np.int64) for _ in range(2))
    limit[rows] = cutoff
    local[rows] = np.arange(len(rows))
    return limit, local


def _main_line(event: Ints, line: Floats, book: Ints, books: tuple[str, ...], n: int) -> Floats:
    """The market average's line; where there is none, the line of the first book by name."""
    main = np.full(n, np.nan)
    main[event[::-1]] = line[::-1]
    average = np.array([name == MARKET_AVERAGE for name in books], dtype=np.bool_)
    its = average[book] if len(book) else np.zeros(0, dtype=np.bool_)
    main[event[its]] = line[its]
    return main


def _mean_and_spread(values: Floats, event: Ints, n: int) -> tuple[Floats, Floats]:
    count = np.bincount(event, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(event, values, minlength=n) / count
        var = np.bincount(event, (values - mean[event]) ** 2, minlength=n) / count
    return np.where(count > 0, mean, np.nan), np.where(count > 1, np.sqrt(var), np.nan)


def _movement(facts: Facts, market: MarketView, cutoff: Ints, spec: FeatureSpec) -> Columns:
    """Log ratio of the consensus to that of each book's first price seen; 0 with one snapshot."""
    betting = market.betting
    limit, local = _of_events(facts, market.rows, cutoff)
    first, latest = first_and_latest_quotes(facts, betting.kind, limit)
    first, latest = on_line(facts, first, betting), on_line(facts, latest, betting)
    still = facts.quoted_at[first] == facts.quoted_at[latest]
    moved = np.zeros((len(market), betting.width))
    if not still.all():
        event, book = local[facts.quote_event[first]], facts.quote_book[first]
        fair = facts.fair(first, betting.width)
        opening = pooled(fair, event, book, facts, len(market), spec)
        moved = np.log(market.consensus) - np.log(opening)
        moved[np.bincount(event, ~still, minlength=len(market)) == 0] = 0.0
    for k, selection in enumerate(betting.outcomes):
        yield f"movement_{selection}", moved[:, k]


@dataclass(frozen=True, eq=False)
class Asked:
    """Questions to the history.

    Attributes:
        history: over the names of both the past and the events.
        home: (n,) team rows.
        away: (n,) team rows.
        league: (n,) league rows.
        season: (n,) year in which the season began.
        day: (n,) days since the epoch of the event's own date.
        known_until: (n,) day of results before which a result must have become known.
    """

    history: History
    home: Ints
    away: Ints
    league: Ints
    season: Ints
    day: Ints
    known_until: Ints

    @classmethod
    def of(
        cls, history: History, facts: Facts, rows: Ints, cutoff: Ints, spec: FeatureSpec
    ) -> Asked:
        """The questions of some events, each as of its cutoff in seconds since the epoch."""
        teams = tuple(sorted({*history.teams, *facts.teams}))
        leagues = tuple(sorted({*history.leagues, *facts.leagues}))
        team, league = positions(facts.teams, teams), positions(facts.leagues, leagues)
        return cls(
            history=history.reindexed(leagues, teams),
            home=team[facts.home[rows]],
            away=team[facts.away[rows]],
            league=league[facts.league[rows]],
            season=facts.season[rows],
            day=facts.day[rows],
            known_until=spec.sport.result_day(np.maximum(cutoff, 0)),
        )

    def where(self, order: Ints) -> Asked:
        """The same questions in another order."""
        columns = ("home", "away", "league", "season", "day", "known_until")
        return replace(self, **{name: getattr(self, name)[order] for name in columns})


def form_columns(asked: Asked, spec: FeatureSpec) -> Columns:
    """Windows over each team's last matches, its matches at the venue, and past meetings."""
    history = asked.history
    overall, venue = form.team_appearances(history)
    for side, who, here in (("home", asked.home, 1), ("away", asked.away, 0)):
        # Asked in the order of the tables, neighbours share cache lines: three times as fast.
        order = np.lexsort((asked.known_until, who))
        one = asked.where(order)
        for name, ordered in _side_columns(side, who[order], here, one, overall, venue):
            column_values = np.empty(len(order))
            column_values[order] = ordered
            yield name, column_values
    yield from _meetings(asked, spec)


def _side_columns(
    side: str,
    who: Ints,
    here: int,
    asked: Asked,
    overall: form.Appearances,
    venue: form.Appearances,
) -> Columns:
    start, end = overall.first(who), overall.known(who, asked.known_until)
    for window in (5, 20):
        number, sums = overall.last(start, end, window)
        yield f"{side}_points_{window}", form.ratio(sums, "points", number)
        yield f"{side}_scored_{window}", form.ratio(sums, "goals_for", number)
        yield f"{side}_conceded_{window}", form.ratio(sums, "goals_against", number)
        yield f"{side}_surprise_{window}", form.ratio(sums, "surprise", "market_n", fixed=True)
        yield f"{side}_move_{window}", form.ratio(sums, "move", "move_n", fixed=True)
    yield f"{side}_move_size_20", form.ratio(sums, "move_size", "move_n", fixed=True)
    _, sums = overall.last(start, end, 10)
    groups = {
        "shots": "shots_n",
        "on_target": "shots_n",
        "corners": "corners_n",
        "cards": "cards_n",
    }
    for stem, count in groups.items():
        yield f"{side}_{stem}_for_10", form.ratio(sums, f"{stem}_for", count)
        yield f"{side}_{stem}_against_10", form.ratio(sums, f"{stem}_against", count)
    ground = 2 * who + here
    number, sums = venue.last(venue.first(ground), venue.known(ground, asked.known_until), 10)
    yield f"{side}_venue_points_10", form.ratio(sums, "points", number)
    scored, conceded = (form.ratio(sums, f"goals_{x}", number) for x in ("for", "against"))
    yield f"{side}_venue_goal_difference_10", scored - conceded
    yield f"{side}_venue_surprise_10", form.ratio(sums, "surprise", "market_n", fixed=True)
    yield f"{side}_venue_move_10", form.ratio(sums, "move", "move_n", fixed=True)
    # Rest and congestion, from matches already known.
    played = end > start
    last = np.where(played, overall.day[np.maximum(end - 1, 0)] if len(overall.day) else 0, 0)
    yield f"{side}_rest_days", np.where(played, np.minimum(asked.day - last, 60), np.nan)
    for span in (14, 30):
        begin = overall.known(who, asked.day - span)
        yield f"{side}_matches_{span}_days", np.maximum(end - np.maximum(begin, start), 0)
    season = overall.of_season(who, asked.season)
    yield f"{side}_matches_played", np.maximum(end - np.maximum(season, start), 0)


def _meetings(asked: Asked, spec: FeatureSpec) -> Columns:
    """Past meetings of the two teams at either ground, seen from the home side."""
    history = asked.history
    size = len(history.teams)
    low, high = np.minimum(history.home, history.away), np.maximum(history.home, history.away)
    sign = np.where(history.home == low, 1, -1)
    difference = sign * (stat(history, "goals_home") - stat(history, "goals_away"))
    values = np.stack([np.sign(difference), difference])
    table = form.Appearances.of(low * size + high, history, values)
    first, second = np.minimum(asked.home, asked.away), np.maximum(asked.home, asked.away)
    pair = first * size + second
    end = table.known(pair, asked.known_until)
    start = table.known(pair, asked.known_until - spec.meetings_days)
    number, sums = table.last(start, end, spec.meetings_window)
    facing = np.where(asked.home == first, 1.0, -1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        won = facing * sums[0] / number
        goals = facing * sums[1] / number
    yield "meetings", number
    yield "meeting_points_home", np.where(number > 0, won, np.nan)
    yield "meeting_goal_difference", np.where(number > 0, goals, np.nan)


def _rating_columns(
    asked: Asked, market: MarketView, spec: FeatureSpec, state: ratings.RatingState | None
) -> Columns:
    history = asked.history
    if state is None:
        start = ratings.RatingState.empty(history.teams, history.leagues, spec)
    else:
        if len(asked.known_until) and state.through >= asked.known_until.min():
            raise LookAheadError("the carried ratings know results later than an event's prices")
        start = state.extended(history.teams, history.leagues, spec)
        history = history.where(history.known_day > state.through)
    seen = ratings.replay(
        history, start, asked.known_until, asked.home, asked.away, asked.league, spec
    )
    tier = ratings.tiers(history.leagues)[asked.league]
    for rows in (seen.home, seen.away):
        ratings.arrive(rows, tier, asked.known_until, spec)
    h, a, league = seen.home, seen.away, seen.league
    yield "skill_difference", ratings.skill_lead(h, a, spec)
    yield "skill_var_home", h[:, ratings.SKILL_VAR]
    yield "skill_var_away", a[:, ratings.SKILL_VAR]
    yield "elo_difference", h[:, ratings.ELO] - a[:, ratings.ELO]
    yield "elo_expectation", ratings.elo_expectation(h[:, ratings.ELO], a[:, ratings.ELO], spec)
    pi_home, pi_away = h[:, ratings.PI_HOME], a[:, ratings.PI_AWAY]
    yield "pi_goal_difference", ratings.pi_goals(pi_home) - ratings.pi_goals(pi_away)
    for side, scorer, other, level in (
        ("home", h, a, ratings.GOALS_HOME),
        ("away", a, h, ratings.GOALS_AWAY),
    ):
        rate = league[:, level] + scorer[:, ratings.ATTACK] - other[:, ratings.DEFENCE]
        yield f"strength_log_rate_{side}", rate
        yield (
            f"strength_var_{side}",
            scorer[:, ratings.ATTACK_VAR] + other[:, ratings.DEFENCE_VAR],
        )
    mean = h[:, ratings.MARKET_MEAN] - a[:, ratings.MARKET_MEAN] + league[:, ratings.MARKET_HOME]
    now = np.log(market.consensus[:, 0]) - np.log(market.consensus[:, -1])
    yield "market_rating", mean
    yield "market_rating_var", h[:, ratings.MARKET_VAR] + a[:, ratings.MARKET_VAR]
    yield "market_rating_gap", mean - now


def _calendar(asked: Asked, facts: Facts, rows: Ints) -> Columns:
    """Season phase from the calendar alone, never from how long the file is."""
    opening = _july_first(asked.season)
    yield "season_day", (asked.day - opening).astype(np.float64)
    yield "tier", ratings.tiers(asked.history.leagues)[asked.league]
    weekday = (asked.day + 3) % 7
    yield "weekday", weekday


def _july_first(season: Ints) -> Ints:
    """Days since the epoch of 1 July of each year."""
    years = (season - 1970).astype("datetime64[Y]").astype("datetime64[M]") + 6
    return years.astype("datetime64[D]").astype(np.int64)
