"""What features are: their names, their groups and every constant they depend on.

A trained model carries the hash of the spec it was trained with and refuses another.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

from betting_ai.domain.markets import BettingMarket
from betting_ai.domain.sports import BASKETBALL, FOOTBALL, SPORTS, TENNIS, Sport

SPEC_VERSION: Final = 3
"""Raised whenever the code computes a feature differently under the same constants."""

SELECTIONS: Final = ("home", "draw", "away")
TOTALS: Final = ("over", "under")
SIDES: Final = ("home", "away")


def _names() -> dict[str, tuple[str, ...]]:
    """Feature names by group, in the order of the matrix."""

    def each(*stems: str) -> tuple[str, ...]:
        return tuple(f"{stem}_{k}" for stem in stems for k in SELECTIONS)

    def totals(*stems: str) -> tuple[str, ...]:
        return tuple(f"{stem}_{k}" for stem in stems for k in TOTALS)

    def sides(*stems: str) -> tuple[str, ...]:
        return tuple(f"{side}_{stem}" for side in SIDES for stem in stems)

    return {
        "market": (
            *each("log_q", "edge_best", "edge_second", "edge_top", "average_lean", "dispersion"),
            "books", "overround_average", "overround_lowest", "overround_named",
        ),
        "goal_lines": (
            *totals("log_q", "edge_best", "edge_second", "edge_top", "dispersion"),
            "handicap_line", "handicap_home", "handicap_spread", *each("implied_lean"),
        ),
        "price_movement": (*each("movement"), *totals("movement")),
        "form": sides(
            "points_5", "scored_5", "conceded_5", "surprise_5",
            "points_20", "scored_20", "conceded_20", "surprise_20",
        ),
        "past_prices": sides("move_5", "move_20", "move_size_20", "venue_move_10"),
        "team_statistics": sides(
            "shots_for_10", "shots_against_10", "on_target_for_10", "on_target_against_10",
            "corners_for_10", "corners_against_10", "cards_for_10", "cards_against_10",
        ),
        "venue": sides("venue_points_10", "venue_goal_difference_10", "venue_surprise_10"),
        "head_to_head": ("meetings", "meeting_points_home", "meeting_goal_difference"),
        "ratings": (
            "elo_difference", "elo_expectation", "pi_goal_difference",
            "strength_log_rate_home", "strength_log_rate_away",
            "strength_var_home", "strength_var_away",
            "market_rating", "market_rating_var", "market_rating_gap",
        ),
        "rest": sides("rest_days", "matches_14_days", "matches_30_days"),
        "season": (*sides("matches_played"), "season_day", "tier", "weekday"),
        "lead_time": ("lead_hours",),
    }  # fmt: skip


def _two_way_names() -> dict[str, tuple[str, ...]]:
    """The same of sports without a draw; where names agree, so does what they mean.

    Goals are points or sets there. Nothing is named that such sports do not have.
    """

    def each(*stems: str) -> tuple[str, ...]:
        return tuple(f"{stem}_{k}" for stem in stems for k in SIDES)

    def sides(*stems: str) -> tuple[str, ...]:
        return tuple(f"{side}_{stem}" for side in SIDES for stem in stems)

    return {
        "market": (
            *each("log_q", "edge_best", "edge_second", "edge_top", "average_lean", "dispersion"),
            "books", "overround_average", "overround_lowest", "overround_named",
        ),
        "price_movement": each("movement"),
        "form": sides(
            "points_5", "scored_5", "conceded_5", "surprise_5",
            "points_20", "scored_20", "conceded_20", "surprise_20",
        ),
        "past_prices": sides("move_5", "move_20", "move_size_20"),
        "head_to_head": ("meetings", "meeting_points_home", "meeting_goal_difference"),
        "ratings": (
            "elo_difference", "elo_expectation",
            "skill_difference", "skill_var_home", "skill_var_away",
            "market_rating", "market_rating_var", "market_rating_gap",
        ),
        "rest": sides("rest_days", "matches_14_days", "matches_30_days"),
        "season": (*sides("matches_played"), "season_day", "weekday"),
        "lead_time": ("lead_hours",),
    }  # fmt: skip


GROUPS: Final = _names()
NAMES: Final = tuple(name for group in GROUPS.values() for name in group)
TWO_WAY_GROUPS: Final = _two_way_names()
TWO_WAY_NAMES: Final = tuple(name for group in TWO_WAY_GROUPS.values() for name in group)


def groups_of(sport: str) -> dict[str, tuple[str, ...]]:
    """Feature names of a sport by group, in the order of its matrix."""
    return GROUPS if sport == FOOTBALL else TWO_WAY_GROUPS


def names_of(sport: str) -> tuple[str, ...]:
    """Feature names of a sport, in the order of its matrix."""
    return NAMES if sport == FOOTBALL else TWO_WAY_NAMES


@dataclass(frozen=True)
class FeatureSpec:
    """Constants of the feature builder.

    Attributes:
        pool_average: weight of the market average in the consensus.
        pool_named: weight shared by the named books.
        elo_start, elo_home, elo_k, elo_tier: start, home advantage, step, points a tier is worth.
        pi_lambda, pi_gamma, pi_c: learning rates of the pi ratings.
        goals_home, goals_away: a new league's goals a match.
        strength_prior_var: variance of an unknown attack or defence (log goals).
        strength_drift: variance gained a day.
        strength_memory_days: time constant of the pull to the average.
        strength_tier: what a tier is worth, log goals.
        strength_move_var: variance gained by a change of tier.
        market_home: a new league's home advantage in log-odds.
        market_prior_var, market_noise, market_drift, market_tier, market_move_var: the filter over
            past closing log-odds.
        league_rate, league_market_rate: steps of the league levels.
        drift_cap_days: a longer pause counts as this many days.
        meetings_window, meetings_days: how many past meetings count, and for how many days.
        lead_hours: range of lead time seen in training; outside it is clamped and said so.
        names: of the features, in the order of the matrix.
        sport_code: whose features they are. Constants of goals (pi, attack and defence) say nothing
            in two-way sports, whose one strength is in log-odds and uses those of strengths.
    """

    pool_average: float = 1.0
    pool_named: float = 1.0
    elo_start: float = 1500.0
    elo_home: float = 65.0
    elo_k: float = 18.0
    elo_tier: float = 120.0
    pi_lambda: float = 0.035
    pi_gamma: float = 0.7
    pi_c: float = 3.0
    goals_home: float = 1.45
    goals_away: float = 1.12
    strength_prior_var: float = 0.08
    strength_drift: float = 0.00010
    strength_memory_days: float = 2000.0
    strength_tier: float = 0.18
    strength_move_var: float = 0.03
    market_home: float = 0.45
    market_prior_var: float = 1.0
    market_noise: float = 0.05
    market_drift: float = 0.003
    market_tier: float = 0.9
    market_move_var: float = 0.25
    league_rate: float = 0.0015
    league_market_rate: float = 0.002
    drift_cap_days: float = 120.0
    meetings_window: int = 8
    meetings_days: int = 1826
    lead_hours: tuple[float, float] = (1.0, 80.0)
    names: tuple[str, ...] = field(default=NAMES, repr=False)
    sport_code: str = FOOTBALL

    @property
    def sport(self) -> Sport:
        """The sport: when its day of results begins, and what its matches end in."""
        return SPORTS[self.sport_code]

    @property
    def hash(self) -> str:
        """SHA-256 over version, names and constants, as canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """The constants as JSON-ready values; football, which was first, goes without saying."""
        values = asdict(self)
        if self.sport_code == FOOTBALL:
            del values["sport_code"]
        return {"version": SPEC_VERSION, **values}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The spec of a manifest; unknown keys are another version's and change the hash anyway."""
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known
        }
        return cls(**values)


_SPECS: Final = {
    FOOTBALL: FeatureSpec(),
    TENNIS: FeatureSpec(
        elo_home=0.0,
        elo_k=30.0,
        strength_prior_var=1.0,
        strength_drift=0.0006,
        strength_memory_days=20000.0,
        market_home=0.0,
        market_noise=0.8,
        market_drift=0.001,
        names=TWO_WAY_NAMES,
        sport_code=TENNIS,
    ),
    BASKETBALL: FeatureSpec(
        elo_home=65.0,
        elo_k=8.0,
        strength_prior_var=1.0,
        strength_drift=0.0015,
        strength_memory_days=1000.0,
        market_home=0.5,
        market_noise=0.3,
        names=TWO_WAY_NAMES,
        sport_code=BASKETBALL,
    ),
}


def spec_of(sport: str) -> FeatureSpec:
    """The constants that a sport's models begin with."""
    return _SPECS[sport]


def column(name: str, sport: str = FOOTBALL) -> int:
    """Position of a feature in a sport's matrix."""
    return names_of(sport).index(name)


def consensus_columns(market: BettingMarket) -> slice:
    """Where the matrix holds the logarithms of a market's consensus."""
    first = column(f"log_q_{market.outcomes[0]}", market.sport)
    return slice(first, first + market.width)
