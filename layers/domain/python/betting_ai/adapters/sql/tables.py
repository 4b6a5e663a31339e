"""Every table of the product.

What must not be wrong cannot be: ranges, statuses, uniqueness and references are the database's
own constraints. Instants are ``timestamptz``, money and prices ``numeric``, probabilities floats.
Prices, results, slates and predictions are append-only; the migration that makes them adds the
triggers.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql.schema import SchemaItem

LINE_UNITS: Final = 4
"""Lines are stored in quarters: 2.5 goals as 10."""

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)
"""All tables; names of constraints follow one rule, so that migrations can."""

_TEXT: Final = sa.Text()
_BYTES: Final = sa.LargeBinary()
_BOOL: Final = sa.Boolean()
_SMALL: Final = sa.SmallInteger()
_INT: Final = sa.Integer()
_BIG: Final = sa.BigInteger()
_FLOAT: Final = sa.Double[float]()
_PRICE: Final = sa.Numeric(10, 4)
_MONEY: Final = sa.Numeric(18, 2)
_COINS: Final = sa.Numeric(38, 18)
_UNITS: Final = sa.Numeric(78, 0)
_DAY: Final = sa.Date()
_INSTANT: Final = sa.DateTime(timezone=True)
_UUID: Final = sa.Uuid()
_JSON: Final = JSONB()


def _column(
    name: str,
    kind: sa.types.TypeEngine[Any],
    *more: SchemaItem,
    nullable: bool = False,
    **options: Any,  # noqa: ANN401 - SQLAlchemy's own
) -> sa.Column[Any]:
    """A column that always has a value, if not said otherwise."""
    return sa.Column(name, kind, *more, nullable=nullable, **options)


def _check(name: str, rule: str) -> CheckConstraint:
    return CheckConstraint(rule, name=name)


def _one_of(column: str, *values: str) -> CheckConstraint:
    return _check(column, f"{column} IN ({', '.join(map(repr, values))})")


def _selection_rules() -> tuple[CheckConstraint, ...]:
    """A market, its line, a selection of it, and a price for that."""
    return (
        _check("market", "market BETWEEN 0 AND 2"),
        _check("line", "market <> 0 OR line = 0"),
        _check("selection", "selection BETWEEN 0 AND 2 AND (selection < 2 OR market = 0)"),
        _check("price", "price > 1"),
    )


def _chain_rules() -> tuple[CheckConstraint | UniqueConstraint, ...]:
    """A hash chain without forks: one first link, and at most one after each."""
    return (
        _check("hash", "hash ~ '^[0-9a-f]{64}$'"),
        UniqueConstraint("hash"),
        UniqueConstraint("previous_hash", postgresql_nulls_not_distinct=True),
    )


_SETTLED: Final = ("won", "lost", "void", "half_won", "half_lost")
_ENDINGS: Final = (
    "finished", "postponed", "abandoned", "cancelled", "walkover", "retired",
)  # fmt: skip

Sport: Final = Table(
    "sports",
    metadata,
    _column("code", _TEXT, primary_key=True),
    _column("name", _TEXT),
    _column("outcomes", _SMALL),
    _check("outcomes", "outcomes IN (2, 3)"),
)
"""What is played."""

League: Final = Table(
    "leagues",
    metadata,
    _column("id", _SMALL, Identity(always=True), primary_key=True),
    _column("code", _TEXT, unique=True),
    _column("sport", _TEXT, ForeignKey("sports.code")),
    _column("country", _TEXT),
    _column("name", _TEXT),
    _column("tier", _SMALL),
    _check("tier", "tier > 0"),
)
"""A competition."""

Team: Final = Table(
    "teams",
    metadata,
    _column("id", _INT, Identity(always=True), primary_key=True),
    _column("country", _TEXT),
    _column("name", _TEXT),
    UniqueConstraint("country", "name"),
    _check("name", "name <> ''"),
)
"""A canonical team; it belongs to a country and may change leagues."""

TeamAlias: Final = Table(
    "team_aliases",
    metadata,
    _column("source", _TEXT, primary_key=True),
    _column("country", _TEXT, primary_key=True),
    _column("alias", _TEXT, primary_key=True),
    _column("team_id", _INT, ForeignKey("teams.id"), index=True),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
)
"""A source's own name of a team, settled by a person or a rule."""

Book: Final = Table(
    "books",
    metadata,
    _column("id", _SMALL, Identity(always=True), primary_key=True),
    _column("code", _TEXT, unique=True),
    _column("name", _TEXT),
    _column("kind", _TEXT),
    _one_of("kind", "named", "exchange", "average", "maximum"),
)
"""A source of prices, added when first seen."""

Event: Final = Table(
    "events",
    metadata,
    _column("id", _BIG, primary_key=True, autoincrement=False),
    _column("slug", _TEXT, unique=True),
    _column("league_id", _SMALL, ForeignKey("leagues.id")),
    _column("season", _SMALL),
    _column("day", _DAY),
    _column("home_id", _INT, ForeignKey("teams.id")),
    _column("away_id", _INT, ForeignKey("teams.id")),
    _column("kickoff", _INSTANT),
    _column("time_assumed", _BOOL),
    _column("source", _TEXT),
    _column("received_at", _INSTANT),
    _column("reconstructed", _BOOL),
    UniqueConstraint("league_id", "day", "home_id", "away_id"),
    _check("id", "id >= 0"),
    _check("teams", "home_id <> away_id"),
    Index(None, "kickoff"),
    Index(None, "league_id", "kickoff"),
    Index(None, "league_id", "season", "day"),
    Index(None, "home_id"),
    Index(None, "away_id"),
)
"""A match. ``id`` is `betting_ai.domain.events.event_id` of ``slug``."""

Odds: Final = Table(
    "odds",
    metadata,
    _column("event_id", _BIG),
    _column("quoted_at", _INSTANT),
    _column("received_at", _INSTANT),
    _column("book_id", _SMALL),
    _column("market", _SMALL),
    _column("line", _SMALL),
    _column("selection", _SMALL),
    _column("reconstructed", _BOOL),
    _column("price", _PRICE),
    _column("live", _BOOL, server_default=sa.false()),
    sa.PrimaryKeyConstraint("event_id", "market", "line", "book_id", "selection", "quoted_at"),
    *_selection_rules(),
)
"""One price of one selection as it stood at one time. Append-only.

    Tens of millions of rows: columns are narrow and in an order that leaves no padding. The
    references to events and books are checked by a trigger, for all rows of a statement at once:
    foreign keys look up every single row, which made ingest four times slower.
    """

Result: Final = Table(
    "results",
    metadata,
    _column("event_id", _BIG, ForeignKey("events.id"), primary_key=True, autoincrement=False),
    _column("known_at", _INSTANT),
    _column("received_at", _INSTANT),
    _column("reconstructed", _BOOL),
    _column("source", _TEXT),
    _column("goals_home", _SMALL, nullable=True),
    _column("goals_away", _SMALL, nullable=True),
    _column("half_time_home", _SMALL, nullable=True),
    _column("half_time_away", _SMALL, nullable=True),
    _column("shots_home", _SMALL, nullable=True),
    _column("shots_away", _SMALL, nullable=True),
    _column("shots_on_target_home", _SMALL, nullable=True),
    _column("shots_on_target_away", _SMALL, nullable=True),
    _column("corners_home", _SMALL, nullable=True),
    _column("corners_away", _SMALL, nullable=True),
    _column("yellow_home", _SMALL, nullable=True),
    _column("yellow_away", _SMALL, nullable=True),
    _column("red_home", _SMALL, nullable=True),
    _column("red_away", _SMALL, nullable=True),
    _column("ending", _SMALL, server_default="0"),
    _check("ending", "ending BETWEEN 0 AND 2 AND (ending = 0 OR goals_home IS NULL)"),
    _check(
        "counts",
        "LEAST(goals_home, goals_away, half_time_home, half_time_away, shots_home, shots_away,"
        " shots_on_target_home, shots_on_target_away, corners_home, corners_away,"
        " yellow_home, yellow_away, red_home, red_away) >= 0",
    ),
)
"""How an event ended, with the counts that the source gives.

    Append-only, but that counts which are missing may be added. ``ending`` is a
    `betting_ai.domain.sports.Ended`; goals are points or sets in other sports.
    """

Prediction: Final = Table(
    "predictions",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("event_id", _BIG, ForeignKey("events.id")),
    _column("as_of", _INSTANT),
    _column("model_version", _TEXT),
    _column("member", _TEXT),
    _column("p_home", _FLOAT),
    _column("p_draw", _FLOAT, nullable=True),
    _column("p_away", _FLOAT),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    UniqueConstraint("event_id", "as_of", "model_version", "member"),
    _check(
        "probabilities",
        "p_home BETWEEN 0 AND 1 AND p_away BETWEEN 0 AND 1"
        " AND COALESCE(p_draw, 0) BETWEEN 0 AND 1"
        " AND abs(p_home + COALESCE(p_draw, 0) + p_away - 1) < 1e-5",
    ),
    Index(None, "as_of"),
)
"""What one member of one model thought of one event at one time. Append-only."""

Slate: Final = Table(
    "slates",
    metadata,
    _column("id", _TEXT, primary_key=True),
    _column("as_of", _INSTANT),
    _column("window_hours", _FLOAT),
    _column("profile", _TEXT),
    _column("model_version", _TEXT),
    _column("mode", _TEXT),
    _column("payload", _JSON),
    _column("previous_hash", _TEXT, nullable=True),
    _column("hash", _TEXT),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    _check("window", "window_hours > 0"),
    _one_of("mode", "live", "replay"),
    *_chain_rules(),
    Index(None, "created_at"),
    Index(None, "as_of"),
)
"""The answer to one question for the best bets, as it was given. Append-only.

    ``id`` names what the slate says, ``hash`` also its place in the chain.
    """

Recommendation: Final = Table(
    "recommendations",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("slate_id", _TEXT, ForeignKey("slates.id")),
    _column("rank", _SMALL),
    _column("event_id", _BIG, ForeignKey("events.id")),
    _column("book_id", _SMALL, ForeignKey("books.id")),
    _column("market", _SMALL),
    _column("line", _SMALL),
    _column("selection", _SMALL),
    _column("price", _PRICE),
    _column("quoted_at", _INSTANT),
    _column("probability", _FLOAT),
    _column("ensemble_probability", _FLOAT, nullable=True),
    _column("consensus_probability", _FLOAT),
    _column("model_ev", _FLOAT),
    _column("ev", _FLOAT),
    _column("ev_lower", _FLOAT),
    _column("ev_se", _FLOAT),
    _column("confidence", _FLOAT),
    _column("risk_score", _FLOAT),
    _column("risk_adjusted_return", _FLOAT),
    _column("composite_score", _FLOAT),
    _column("stake", _MONEY),
    _column("bet_until_price", _PRICE),
    _column("expires_at", _INSTANT),
    _column("advice", _TEXT),
    _column("rationale", _JSON),
    _column("replaces_id", _BIG, ForeignKey("recommendations.id"), nullable=True),
    _column("status", _TEXT, server_default="pending"),
    _column("profit", _MONEY, nullable=True),
    _column("clv", _FLOAT, nullable=True),
    _column("settled_at", _INSTANT, nullable=True),
    _column("previous_hash", _TEXT, nullable=True),
    _column("hash", _TEXT),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    UniqueConstraint("slate_id", "rank"),
    UniqueConstraint("slate_id", "event_id"),
    UniqueConstraint("replaces_id"),
    *_selection_rules(),
    _check("rank", "rank BETWEEN 1 AND 3"),
    _check(
        "probabilities",
        "probability BETWEEN 0 AND 1 AND ensemble_probability BETWEEN 0 AND 1"
        " AND consensus_probability BETWEEN 0 AND 1",
    ),
    _check("confidence", "confidence BETWEEN 0 AND 100"),
    _check("scores", "risk_score BETWEEN 0 AND 1 AND composite_score BETWEEN 0 AND 1"),
    _check("stake", "stake >= 0"),
    _check("bet_until", "bet_until_price > 1 AND bet_until_price <= price"),
    _one_of("advice", "bet", "wait", "none"),
    _one_of("status", "pending", "replaced", *_SETTLED),
    _check("settled", "(status = 'pending') = (settled_at IS NULL)"),
    *_chain_rules(),
    Index(None, "status", "created_at"),
    Index(None, "created_at"),
    Index(None, "event_id"),
)
"""One pick of a slate, with every number it was chosen by and what became of it."""

EventEnding: Final = Table(
    "event_endings",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("event_id", _BIG, ForeignKey("events.id")),
    _column("ending", _TEXT),
    _column("goals_home", _SMALL, nullable=True),
    _column("goals_away", _SMALL, nullable=True),
    _column("source", _TEXT),
    _column("received_at", _INSTANT),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    _one_of("ending", *_ENDINGS),
    _check("goals", "LEAST(goals_home, goals_away) >= 0"),
    _check(
        "finished",
        "ending <> 'finished' OR (goals_home IS NOT NULL AND goals_away IS NOT NULL)",
    ),
    Index(None, "event_id"),
    Index(None, "received_at"),
)
"""How an event ended where that is not simply its first result. Append-only; the last rules.

    A match that was not played, and a result that its source told otherwise later.
    """

Settlement: Final = Table(
    "settlements",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("recommendation_id", _BIG, ForeignKey("recommendations.id"), nullable=True),
    _column("bet_id", _BIG, ForeignKey("bets.id"), nullable=True),
    _column("status", _TEXT),
    _column("reason", _TEXT),
    _column("ending", _TEXT),
    _column("goals_home", _SMALL, nullable=True),
    _column("goals_away", _SMALL, nullable=True),
    _column("profit", _MONEY),
    _column("clv", _FLOAT, nullable=True),
    _column("settled_at", _INSTANT),
    _column("previous_hash", _TEXT, nullable=True),
    _column("hash", _TEXT),
    _check("subject", "num_nonnulls(recommendation_id, bet_id) = 1"),
    _one_of("status", *_SETTLED),
    _one_of("reason", "result", "correction", "no_result", "venue"),
    _one_of("ending", *_ENDINGS),
    *_chain_rules(),
    Index(None, "recommendation_id"),
    Index(None, "bet_id"),
)
"""What became of a recommendation or a bet, each time that was decided. Append-only."""

HistoricalPerformance: Final = Table(
    "historical_performance",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("day", _DAY),
    _column("profile", _TEXT),
    _column("mode", _TEXT),
    _column("league_id", _SMALL, ForeignKey("leagues.id"), nullable=True),
    _column("picks", _INT),
    _column("won", _INT),
    _column("lost", _INT),
    _column("void", _INT),
    _column("half_won", _INT),
    _column("half_lost", _INT),
    _column("staked", _MONEY),
    _column("profit", _MONEY),
    _column("clv_count", _INT),
    _column("clv_sum", _FLOAT),
    _column("beat_close", _INT),
    _column("computed_at", _INSTANT, server_default=sa.func.now()),
    UniqueConstraint("day", "profile", "mode", "league_id", postgresql_nulls_not_distinct=True),
    _one_of("mode", "live", "replay"),
    _check(
        "counts",
        "LEAST(won, lost, void, half_won, half_lost, clv_count, beat_close) >= 0"
        " AND picks >= won + lost + void + half_won + half_lost"
        " AND picks >= clv_count AND clv_count >= beat_close",
    ),
    _check("staked", "staked >= 0"),
)
"""How the picks of one day did; a row without a league is for all of them."""

ModelPerformance: Final = Table(
    "model_performance",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("model_version", _TEXT),
    _column("member", _TEXT),
    _column("channel", _TEXT),
    _column("first_day", _DAY),
    _column("last_day", _DAY),
    _column("matches", _INT),
    _column("log_loss", _FLOAT),
    _column("market_log_loss", _FLOAT),
    _column("brier", _FLOAT),
    _column("calibration_error", _FLOAT),
    _column("metrics", _JSON),
    _column("computed_at", _INSTANT, server_default=sa.func.now()),
    UniqueConstraint("model_version", "member", "first_day", "last_day"),
    _check("window", "first_day <= last_day"),
    _check("matches", "matches > 0"),
    Index(None, "last_day"),
)
"""How well one member of one model predicted the matches of one window."""

BettingSession: Final = Table(
    "betting_sessions",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("name", _TEXT),
    _column("mode", _TEXT),
    _column("status", _TEXT, server_default="open"),
    _column("currency", _TEXT),
    _column("starting_bankroll", _MONEY),
    _column("bankroll", _MONEY),
    _column("limits", _JSON),
    _column("started_at", _INSTANT, server_default=sa.func.now()),
    _column("ended_at", _INSTANT, nullable=True),
    _one_of("mode", "paper", "real"),
    _one_of("status", "open", "closed"),
    _check("bankroll", "starting_bankroll > 0"),
    _check("closed", "(status = 'open') = (ended_at IS NULL)"),
    Index(None, "status", "started_at"),
    Index("betting_sessions_open_key", "mode", unique=True, postgresql_where="status = 'open'"),
)
"""A bankroll and the limits it is bet under."""

Bet: Final = Table(
    "bets",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("reference", _UUID, unique=True),
    _column("session_id", _BIG, ForeignKey("betting_sessions.id")),
    _column("recommendation_id", _BIG, ForeignKey("recommendations.id"), nullable=True),
    _column("event_id", _BIG, ForeignKey("events.id")),
    _column("book_id", _SMALL, ForeignKey("books.id")),
    _column("market", _SMALL),
    _column("line", _SMALL),
    _column("selection", _SMALL),
    _column("price", _PRICE),
    _column("stake", _MONEY),
    _column("venue", _TEXT),
    _column("venue_reference", _TEXT, nullable=True),
    _column("mode", _TEXT),
    _column("status", _TEXT, server_default="unknown"),
    _column("reason", _TEXT, nullable=True),
    _column("profit", _MONEY, nullable=True),
    _column("clv", _FLOAT, nullable=True),
    _column("placed_at", _INSTANT, nullable=True),
    _column("settled_at", _INSTANT, nullable=True),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    *_selection_rules(),
    _check("stake", "stake > 0"),
    _one_of("mode", "paper", "real"),
    _one_of("status", "unknown", "pending", "placed", "rejected", *_SETTLED),
    Index(None, "session_id", "created_at"),
    Index(None, "status", "created_at"),
    Index(None, "event_id"),
    Index(None, "recommendation_id"),
)
"""A bet; its reference is stored before any venue is called."""

LedgerEntry: Final = Table(
    "ledger",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("session_id", _BIG, ForeignKey("betting_sessions.id")),
    _column("bet_id", _BIG, ForeignKey("bets.id"), nullable=True),
    _column("kind", _TEXT),
    _column("amount", _MONEY),
    _column("at", _INSTANT),
    _one_of("kind", "deposit", "withdrawal", "stake", "refund", "payout", "correction"),
    _check(
        "direction",
        "CASE kind WHEN 'deposit' THEN amount > 0 WHEN 'withdrawal' THEN amount < 0"
        " WHEN 'stake' THEN amount < 0 WHEN 'refund' THEN amount > 0"
        " WHEN 'payout' THEN amount >= 0 ELSE true END",
    ),
    _check("bet", "(kind IN ('deposit', 'withdrawal')) = (bet_id IS NULL)"),
    Index(None, "session_id", "id"),
    Index(
        "ledger_once_key",
        "bet_id",
        "kind",
        unique=True,
        postgresql_where="kind IN ('stake', 'refund', 'payout')",
    ),
)
"""Money in and out of a session, whose bankroll is the sum of it. Append-only."""

Restraint: Final = Table(
    "restraints",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("kind", _TEXT),
    _column("mode", _TEXT, nullable=True),
    _column("engaged", _BOOL),
    _column("until", _INSTANT, nullable=True),
    _column("reason", _TEXT),
    _column("at", _INSTANT),
    _one_of("kind", "cool_off", "self_exclusion", "kill_switch"),
    _check("mode", "mode IN ('paper', 'real')"),
    _check("until", "(kind = 'kill_switch') = (until IS NULL)"),
    _check("engaged", "engaged OR kind = 'kill_switch'"),
    Index(None, "kind", "id"),
)
"""A pause that the bettor asked for, or the kill switch. Append-only: nothing shortens one."""

Violation: Final = Table(
    "violations",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("session_id", _BIG, ForeignKey("betting_sessions.id")),
    _column("reference", _UUID),
    _column("event_id", _BIG, ForeignKey("events.id")),
    _column("stake", _MONEY),
    _column("protection", _TEXT),
    _column("detail", _TEXT),
    _column("at", _INSTANT),
    Index(None, "session_id", "id"),
)
"""A bet that a protection stopped. Append-only."""

PaperBet: Final = Table(
    "paper_bets",
    metadata,
    _column("reference", _UUID, primary_key=True),
    _column("number", _BIG, Identity(always=True), unique=True),
    _column("slip", _JSON),
    _column("currency", _TEXT),
    _column("state", _TEXT),
    _column("reason", _TEXT, nullable=True),
    _column("price", _PRICE, nullable=True),
    _column("stake", _MONEY, nullable=True),
    _column("kickoff", _INSTANT, nullable=True),
    _column("decided_at", _INSTANT),
    _one_of("state", "accepted", "refused"),
    _check("reason", "(state = 'refused') = (reason IS NOT NULL)"),
    _check(
        "taken",
        "(state = 'accepted') = (price IS NOT NULL)"
        " AND (price IS NULL) = (stake IS NULL) AND (price IS NULL) = (kickoff IS NULL)",
    ),
    _check("price", "price > 1"),
    _check("stake", "stake > 0"),
    Index(None, "currency", "kickoff"),
)
"""What the paper venue made of a bet: its own record, as a bookmaker's is. Append-only."""

Transaction: Final = Table(
    "transactions",
    metadata,
    _column("id", _UUID, primary_key=True),
    _column("chain_id", _INT),
    _column("token", _TEXT),
    _column("from_address", _TEXT),
    _column("to_address", _TEXT),
    _column("amount", _COINS),
    _column("fee", _COINS, nullable=True),
    _column("nonce", _BIG, nullable=True),
    _column("tx_hash", _TEXT, nullable=True),
    _column("block_number", _BIG, nullable=True),
    _column("confirmations", _INT, server_default="0"),
    _column("status", _TEXT),
    _column("reason", _TEXT, nullable=True),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    _column("updated_at", _INSTANT, server_default=sa.func.now()),
    _check("amount", "amount > 0"),
    _check("addresses", "from_address <> to_address"),
    _one_of(
        "status",
        "requested",
        "waiting",
        "approved",
        "signed",
        "sent",
        "confirmed",
        "failed",
        "refused",
    ),
    UniqueConstraint("chain_id", "tx_hash"),
    Index(None, "status", "created_at"),
    Index(None, "created_at"),
)
"""A transfer of crypto money, as its receipts tell."""

ApiKey: Final = Table(
    "api_keys",
    metadata,
    _column("id", _TEXT, primary_key=True),
    _column("name", _TEXT),
    _column("token_hash", _BYTES, unique=True),
    _column("scopes", ARRAY(sa.Text)),
    _column("generation", _SMALL),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    _column("expires_at", _INSTANT, nullable=True),
    _column("revoked_at", _INSTANT, nullable=True),
    _column("last_used_at", _INSTANT, nullable=True),
    _column("previous_token_hash", _BYTES, nullable=True),
    _column("rotated_at", _INSTANT, nullable=True),
    _check("token_hash", "length(token_hash) = 32"),
    _check("scopes", "scopes <@ ARRAY['read', 'bet', 'transfer']::text[]"),
    _check("generation", "generation > 0"),
    _check(
        "previous",
        "previous_token_hash IS NULL OR length(previous_token_hash) = 32 AND generation > 1",
    ),
)
"""An application key; the token itself is never stored."""

ApiNonce: Final = Table(
    "api_nonces",
    metadata,
    _column("key_id", _TEXT, ForeignKey("api_keys.id"), primary_key=True),
    _column("nonce", _TEXT, primary_key=True),
    _column("expires_at", _INSTANT),
    Index(None, "expires_at"),
)
"""A nonce that a signature used up; forgotten once that signature is too old anyway."""

ApiCall: Final = Table(
    "api_calls",
    metadata,
    _column("key_id", _TEXT, ForeignKey("api_keys.id"), primary_key=True),
    _column("route", _TEXT, primary_key=True),
    _column("idempotency_key", _TEXT, primary_key=True),
    _column("digest", _BYTES),
    _column("owner", _UUID),
    _column("lease_until", _INSTANT, nullable=True),
    _column("status", _SMALL, nullable=True),
    _column("headers", JSONB(none_as_null=True), nullable=True),
    _column("body", _BYTES, nullable=True),
    _column("created_at", _INSTANT),
    _column("expires_at", _INSTANT),
    _check("digest", "length(digest) = 32"),
    _check("status", "status BETWEEN 200 AND 499"),
    _check(
        "answer",
        "num_nonnulls(status, headers, body) = CASE WHEN lease_until IS NULL THEN 3 ELSE 0 END",
    ),
    Index(None, "expires_at"),
)
"""A call that is made once: who runs it, or what it was answered."""

IngestLogEntry: Final = Table(
    "ingest_log",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("source", _TEXT),
    _column("name", _TEXT),
    _column("sha256", _TEXT),
    _column("received_at", _INSTANT),
    _column("status", _TEXT),
    _column("rows_read", _INT),
    _column("rows_kept", _INT),
    _column("rows_repaired", _JSON),
    _column("rows_refused", _JSON),
    _column("quotes_kept", _INT),
    _column("quotes_refused", _JSON),
    _column("stored", _JSON),
    _column("stages", _JSON),
    _column("error", _TEXT, nullable=True),
    _column("league", _TEXT, nullable=True),
    _column("season", _SMALL, nullable=True),
    _check("sha256", "sha256 ~ '^[0-9a-f]{64}$'"),
    _one_of("status", "stored", "unchanged", "refused"),
    _check("rows", "rows_kept BETWEEN 0 AND rows_read"),
    _check("error", "(status = 'refused') = (error IS NOT NULL)"),
    Index(None, "source", "name", "sha256"),
    Index(None, "league", "season"),
    Index(None, "received_at"),
)
"""One payload's way through a feed, see `betting_ai.ports.repositories.IngestEntry`."""

ReviewDoubt: Final = Table(
    "review_queue",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("source", _TEXT),
    _column("country", _TEXT),
    _column("league", _TEXT),
    _column("name", _TEXT),
    _column("verdict", _TEXT),
    _column("candidates", _JSON),
    _column("created_at", _INSTANT, server_default=sa.func.now()),
    _column("resolved_at", _INSTANT, nullable=True),
    _column("team_id", _INT, ForeignKey("teams.id"), nullable=True),
    UniqueConstraint("source", "country", "name"),
    _one_of("verdict", "doubtful", "refused"),
    _check("resolved", "(resolved_at IS NULL) = (team_id IS NULL)"),
)
"""A name that waits for a person, see `betting_ai.ports.repositories.ReviewItem`."""

SettledTransfer: Final = Table(
    "transfer_receipts",
    metadata,
    _column("id", _BIG, Identity(always=True), primary_key=True),
    _column("intent_id", _TEXT),
    _column("version", _INT),
    _column("chain_id", _INT),
    _column("tx_hash", _TEXT),
    _column("nonce", _BIG),
    _column("sender", _TEXT),
    _column("recipient", _TEXT),
    _column("contract", _TEXT, nullable=True),
    _column("units", _UNITS),
    _column("state", _TEXT),
    _column("reason", _TEXT, nullable=True),
    _column("attempts", _SMALL),
    _column("block_number", _BIG, nullable=True),
    _column("block_hash", _TEXT, nullable=True),
    _column("gas_used", _BIG, nullable=True),
    _column("fee", _UNITS, nullable=True),
    _column("asked_at", _INSTANT),
    _column("recorded_at", _INSTANT, server_default=sa.func.now()),
    UniqueConstraint("intent_id"),
    _one_of("state", "final", "failed", "replaced", "expired"),
    _check("tx_hash", "tx_hash ~ '^0x[0-9a-f]{64}$'"),
    _check("units", "units > 0 AND fee >= 0"),
    _check("block", "num_nonnulls(block_number, block_hash, gas_used, fee) IN (0, 4)"),
    Index(None, "asked_at"),
    Index(None, "tx_hash"),
)
"""What became of a transfer, see `betting_ai.ports.repositories.TransferReceipt`.

One row an intent; what is told of it later, under a higher version, takes its place.
"""
