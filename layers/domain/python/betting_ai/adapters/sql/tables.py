"""Every table of the product.

What must not be wrong cannot be: ranges, statuses, uniqueness and references are the database's
own constraints. Instants are ``timestamptz``, money and prices ``numeric``, probabilities floats.
Prices, results, slates and predictions are append-only; the migration that makes them adds the
triggers.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LINE_UNITS: Final = 4
"""Lines are stored in quarters: 2.5 goals as 10."""

Price = Annotated[Decimal, mapped_column(sa.Numeric(10, 4))]
Money = Annotated[Decimal, mapped_column(sa.Numeric(18, 2))]
Probability = Annotated[float, mapped_column(sa.Double)]
Small = Annotated[int, mapped_column(sa.SmallInteger)]
SmallKey = Annotated[int, mapped_column(sa.SmallInteger, Identity(always=True), primary_key=True)]
BigKey = Annotated[int, mapped_column(sa.BigInteger, Identity(always=True), primary_key=True)]
EventKey = Annotated[int, mapped_column(sa.BigInteger, ForeignKey("events.id"))]
BookKey = Annotated[int, mapped_column(sa.SmallInteger, ForeignKey("books.id"))]
CreatedAt = Annotated[dt.datetime, mapped_column(server_default=sa.func.now())]


class Base(DeclarativeBase):
    """Base of all tables; names of constraints follow one rule, so that migrations can."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        }
    )
    type_annotation_map: ClassVar = {
        dt.datetime: sa.DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        float: sa.Double,
        str: sa.Text,
    }


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


class Sport(Base):
    """What is played."""

    __tablename__ = "sports"
    __table_args__ = (_check("outcomes", "outcomes IN (2, 3)"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    outcomes: Mapped[Small]


class League(Base):
    """A competition."""

    __tablename__ = "leagues"
    __table_args__ = (_check("tier", "tier > 0"),)

    id: Mapped[SmallKey]
    code: Mapped[str] = mapped_column(unique=True)
    sport: Mapped[str] = mapped_column(ForeignKey("sports.code"))
    country: Mapped[str]
    name: Mapped[str]
    tier: Mapped[Small]


class Team(Base):
    """A canonical team; it belongs to a country and may change leagues."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("country", "name"), _check("name", "name <> ''"))

    id: Mapped[int] = mapped_column(sa.Integer, Identity(always=True), primary_key=True)
    country: Mapped[str]
    name: Mapped[str]


class TeamAlias(Base):
    """A source's own name of a team, settled by a person or a rule."""

    __tablename__ = "team_aliases"

    source: Mapped[str] = mapped_column(primary_key=True)
    country: Mapped[str] = mapped_column(primary_key=True)
    alias: Mapped[str] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    created_at: Mapped[CreatedAt]


class Book(Base):
    """A source of prices, added when first seen."""

    __tablename__ = "books"
    __table_args__ = (_one_of("kind", "named", "exchange", "average", "maximum"),)

    id: Mapped[SmallKey]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]


class Event(Base):
    """A match. ``id`` is `betting_ai.domain.events.event_id` of ``slug``."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("league_id", "day", "home_id", "away_id"),
        _check("id", "id >= 0"),
        _check("teams", "home_id <> away_id"),
        Index(None, "kickoff"),
        Index(None, "league_id", "kickoff"),
        Index(None, "league_id", "season", "day"),
        Index(None, "home_id"),
        Index(None, "away_id"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    slug: Mapped[str] = mapped_column(unique=True)
    league_id: Mapped[Small] = mapped_column(ForeignKey("leagues.id"))
    season: Mapped[Small]
    day: Mapped[dt.date]
    home_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    away_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    kickoff: Mapped[dt.datetime]
    time_assumed: Mapped[bool]
    source: Mapped[str]
    received_at: Mapped[dt.datetime]
    reconstructed: Mapped[bool]


class Odds(Base):
    """One price of one selection as it stood at one time. Append-only.

    Tens of millions of rows: columns are narrow and in an order that leaves no padding. The
    references to events and books are checked by a trigger, for all rows of a statement at once:
    foreign keys look up every single row, which made ingest four times slower.
    """

    __tablename__ = "odds"
    __table_args__ = (
        sa.PrimaryKeyConstraint("event_id", "market", "line", "book_id", "selection", "quoted_at"),
        *_selection_rules(),
    )

    event_id: Mapped[int] = mapped_column(sa.BigInteger)
    quoted_at: Mapped[dt.datetime]
    received_at: Mapped[dt.datetime]
    book_id: Mapped[Small]
    market: Mapped[Small]
    line: Mapped[Small]
    selection: Mapped[Small]
    reconstructed: Mapped[bool]
    price: Mapped[Price]
    live: Mapped[bool] = mapped_column(server_default=sa.false())


class Result(Base):
    """How an event ended, with the counts that the source gives.

    Append-only, but that counts which are missing may be added. ``ending`` is a
    `betting_ai.domain.sports.Ended`; goals are points or sets in other sports.
    """

    __tablename__ = "results"

    event_id: Mapped[EventKey] = mapped_column(primary_key=True, autoincrement=False)
    known_at: Mapped[dt.datetime]
    received_at: Mapped[dt.datetime]
    reconstructed: Mapped[bool]
    source: Mapped[str]
    goals_home: Mapped[Small | None]
    goals_away: Mapped[Small | None]
    half_time_home: Mapped[Small | None]
    half_time_away: Mapped[Small | None]
    shots_home: Mapped[Small | None]
    shots_away: Mapped[Small | None]
    shots_on_target_home: Mapped[Small | None]
    shots_on_target_away: Mapped[Small | None]
    corners_home: Mapped[Small | None]
    corners_away: Mapped[Small | None]
    yellow_home: Mapped[Small | None]
    yellow_away: Mapped[Small | None]
    red_home: Mapped[Small | None]
    red_away: Mapped[Small | None]
    ending: Mapped[Small] = mapped_column(server_default="0")
    __table_args__ = (
        _check("ending", "ending BETWEEN 0 AND 2 AND (ending = 0 OR goals_home IS NULL)"),
        _check(
            "counts",
            "LEAST(goals_home, goals_away, half_time_home, half_time_away, shots_home, shots_away,"
            " shots_on_target_home, shots_on_target_away, corners_home, corners_away,"
            " yellow_home, yellow_away, red_home, red_away) >= 0",
        ),
    )


class Prediction(Base):
    """What one member of one model thought of one event at one time. Append-only."""

    __tablename__ = "predictions"
    __table_args__ = (
        UniqueConstraint("event_id", "as_of", "model_version", "member"),
        _check(
            "probabilities",
            "p_home BETWEEN 0 AND 1 AND p_away BETWEEN 0 AND 1"
            " AND COALESCE(p_draw, 0) BETWEEN 0 AND 1"
            " AND abs(p_home + COALESCE(p_draw, 0) + p_away - 1) < 1e-5",
        ),
        Index(None, "as_of"),
    )

    id: Mapped[BigKey]
    event_id: Mapped[EventKey]
    as_of: Mapped[dt.datetime]
    model_version: Mapped[str]
    member: Mapped[str]
    p_home: Mapped[Probability]
    p_draw: Mapped[Probability | None]
    p_away: Mapped[Probability]
    created_at: Mapped[CreatedAt]


class Slate(Base):
    """The answer to one question for the best bets, as it was given. Append-only.

    ``id`` names what the slate says, ``hash`` also its place in the chain.
    """

    __tablename__ = "slates"
    __table_args__ = (
        _check("window", "window_hours > 0"),
        _one_of("mode", "live", "replay"),
        *_chain_rules(),
        Index(None, "created_at"),
        Index(None, "as_of"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[dt.datetime]
    window_hours: Mapped[float]
    profile: Mapped[str]
    model_version: Mapped[str]
    mode: Mapped[str]
    payload: Mapped[dict[str, Any]]
    previous_hash: Mapped[str | None]
    hash: Mapped[str]
    created_at: Mapped[CreatedAt]


class Recommendation(Base):
    """One pick of a slate, with every number it was chosen by and what became of it."""

    __tablename__ = "recommendations"
    __table_args__ = (
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

    id: Mapped[BigKey]
    slate_id: Mapped[str] = mapped_column(ForeignKey("slates.id"))
    rank: Mapped[Small]
    event_id: Mapped[EventKey]
    book_id: Mapped[BookKey]
    market: Mapped[Small]
    line: Mapped[Small]
    selection: Mapped[Small]
    price: Mapped[Price]
    quoted_at: Mapped[dt.datetime]
    probability: Mapped[Probability]
    ensemble_probability: Mapped[Probability | None]
    consensus_probability: Mapped[Probability]
    model_ev: Mapped[float]
    ev: Mapped[float]
    ev_lower: Mapped[float]
    ev_se: Mapped[float]
    confidence: Mapped[float]
    risk_score: Mapped[float]
    risk_adjusted_return: Mapped[float]
    composite_score: Mapped[float]
    stake: Mapped[Money]
    bet_until_price: Mapped[Price]
    expires_at: Mapped[dt.datetime]
    advice: Mapped[str]
    rationale: Mapped[dict[str, Any]]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("recommendations.id"))
    status: Mapped[str] = mapped_column(server_default="pending")
    profit: Mapped[Money | None]
    clv: Mapped[float | None]
    settled_at: Mapped[dt.datetime | None]
    previous_hash: Mapped[str | None]
    hash: Mapped[str]
    created_at: Mapped[CreatedAt]


class EventEnding(Base):
    """How an event ended where that is not simply its first result. Append-only; the last rules.

    A match that was not played, and a result that its source told otherwise later.
    """

    __tablename__ = "event_endings"
    __table_args__ = (
        _one_of("ending", *_ENDINGS),
        _check("goals", "LEAST(goals_home, goals_away) >= 0"),
        _check(
            "finished",
            "ending <> 'finished' OR (goals_home IS NOT NULL AND goals_away IS NOT NULL)",
        ),
        Index(None, "event_id"),
        Index(None, "received_at"),
    )

    id: Mapped[BigKey]
    event_id: Mapped[EventKey]
    ending: Mapped[str]
    goals_home: Mapped[Small | None]
    goals_away: Mapped[Small | None]
    source: Mapped[str]
    received_at: Mapped[dt.datetime]
    created_at: Mapped[CreatedAt]


class Settlement(Base):
    """What became of a recommendation or a bet, each time that was decided. Append-only."""

    __tablename__ = "settlements"
    __table_args__ = (
        _check("subject", "num_nonnulls(recommendation_id, bet_id) = 1"),
        _one_of("status", *_SETTLED),
        _one_of("reason", "result", "correction", "no_result", "venue"),
        _one_of("ending", *_ENDINGS),
        *_chain_rules(),
        Index(None, "recommendation_id"),
        Index(None, "bet_id"),
    )

    id: Mapped[BigKey]
    recommendation_id: Mapped[int | None] = mapped_column(ForeignKey("recommendations.id"))
    bet_id: Mapped[int | None] = mapped_column(ForeignKey("bets.id"))
    status: Mapped[str]
    reason: Mapped[str]
    ending: Mapped[str]
    goals_home: Mapped[Small | None]
    goals_away: Mapped[Small | None]
    profit: Mapped[Money]
    clv: Mapped[float | None]
    settled_at: Mapped[dt.datetime]
    previous_hash: Mapped[str | None]
    hash: Mapped[str]


class HistoricalPerformance(Base):
    """How the picks of one day did; a row without a league is for all of them."""

    __tablename__ = "historical_performance"
    __table_args__ = (
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

    id: Mapped[BigKey]
    day: Mapped[dt.date]
    profile: Mapped[str]
    mode: Mapped[str]
    league_id: Mapped[Small | None] = mapped_column(ForeignKey("leagues.id"))
    picks: Mapped[int]
    won: Mapped[int]
    lost: Mapped[int]
    void: Mapped[int]
    half_won: Mapped[int]
    half_lost: Mapped[int]
    staked: Mapped[Money]
    profit: Mapped[Money]
    clv_count: Mapped[int]
    clv_sum: Mapped[float]
    beat_close: Mapped[int]
    computed_at: Mapped[CreatedAt]


class ModelPerformance(Base):
    """How well one member of one model predicted the matches of one window."""

    __tablename__ = "model_performance"
    __table_args__ = (
        UniqueConstraint("model_version", "member", "first_day", "last_day"),
        _check("window", "first_day <= last_day"),
        _check("matches", "matches > 0"),
        Index(None, "last_day"),
    )

    id: Mapped[BigKey]
    model_version: Mapped[str]
    member: Mapped[str]
    channel: Mapped[str]
    first_day: Mapped[dt.date]
    last_day: Mapped[dt.date]
    matches: Mapped[int]
    log_loss: Mapped[float]
    market_log_loss: Mapped[float]
    brier: Mapped[float]
    calibration_error: Mapped[float]
    metrics: Mapped[dict[str, Any]]
    computed_at: Mapped[CreatedAt]


class BettingSession(Base):
    """A bankroll and the limits it is bet under."""

    __tablename__ = "betting_sessions"
    __table_args__ = (
        _one_of("mode", "paper", "real"),
        _one_of("status", "open", "closed"),
        _check("bankroll", "starting_bankroll > 0"),
        _check("closed", "(status = 'open') = (ended_at IS NULL)"),
        Index(None, "status", "started_at"),
        Index("betting_sessions_open_key", "mode", unique=True, postgresql_where="status = 'open'"),
    )

    id: Mapped[BigKey]
    name: Mapped[str]
    mode: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="open")
    currency: Mapped[str]
    starting_bankroll: Mapped[Money]
    bankroll: Mapped[Money]
    limits: Mapped[dict[str, Any]]
    started_at: Mapped[CreatedAt]
    ended_at: Mapped[dt.datetime | None]


class Bet(Base):
    """A bet; its reference is stored before any venue is called."""

    __tablename__ = "bets"
    __table_args__ = (
        *_selection_rules(),
        _check("stake", "stake > 0"),
        _one_of("mode", "paper", "real"),
        _one_of("status", "unknown", "pending", "placed", "rejected", *_SETTLED),
        Index(None, "session_id", "created_at"),
        Index(None, "status", "created_at"),
        Index(None, "event_id"),
        Index(None, "recommendation_id"),
    )

    id: Mapped[BigKey]
    reference: Mapped[UUID] = mapped_column(unique=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("betting_sessions.id"))
    recommendation_id: Mapped[int | None] = mapped_column(ForeignKey("recommendations.id"))
    event_id: Mapped[EventKey]
    book_id: Mapped[BookKey]
    market: Mapped[Small]
    line: Mapped[Small]
    selection: Mapped[Small]
    price: Mapped[Price]
    stake: Mapped[Money]
    venue: Mapped[str]
    venue_reference: Mapped[str | None]
    mode: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="unknown")
    reason: Mapped[str | None]
    profit: Mapped[Money | None]
    clv: Mapped[float | None]
    placed_at: Mapped[dt.datetime | None]
    settled_at: Mapped[dt.datetime | None]
    created_at: Mapped[CreatedAt]


class LedgerEntry(Base):
    """Money in and out of a session, whose bankroll is the sum of it. Append-only."""

    __tablename__ = "ledger"
    __table_args__ = (
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

    id: Mapped[BigKey]
    session_id: Mapped[int] = mapped_column(ForeignKey("betting_sessions.id"))
    bet_id: Mapped[int | None] = mapped_column(ForeignKey("bets.id"))
    kind: Mapped[str]
    amount: Mapped[Money]
    at: Mapped[dt.datetime]


class Restraint(Base):
    """A pause that the bettor asked for, or the kill switch. Append-only: nothing shortens one."""

    __tablename__ = "restraints"
    __table_args__ = (
        _one_of("kind", "cool_off", "self_exclusion", "kill_switch"),
        _check("mode", "mode IN ('paper', 'real')"),
        _check("until", "(kind = 'kill_switch') = (until IS NULL)"),
        _check("engaged", "engaged OR kind = 'kill_switch'"),
        Index(None, "kind", "id"),
    )

    id: Mapped[BigKey]
    kind: Mapped[str]
    mode: Mapped[str | None]
    engaged: Mapped[bool]
    until: Mapped[dt.datetime | None]
    reason: Mapped[str]
    at: Mapped[dt.datetime]


class Violation(Base):
    """A bet that a protection stopped. Append-only."""

    __tablename__ = "violations"
    __table_args__ = (Index(None, "session_id", "id"),)

    id: Mapped[BigKey]
    session_id: Mapped[int] = mapped_column(ForeignKey("betting_sessions.id"))
    reference: Mapped[UUID]
    event_id: Mapped[EventKey]
    stake: Mapped[Money]
    protection: Mapped[str]
    detail: Mapped[str]
    at: Mapped[dt.datetime]


class PaperBet(Base):
    """What the paper venue made of a bet: its own record, as a bookmaker's is. Append-only."""

    __tablename__ = "paper_bets"
    __table_args__ = (
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

    reference: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger, Identity(always=True), unique=True)
    slip: Mapped[dict[str, Any]]
    currency: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    price: Mapped[Price | None]
    stake: Mapped[Money | None]
    kickoff: Mapped[dt.datetime | None]
    decided_at: Mapped[dt.datetime]


class Transaction(Base):
    """A transfer of crypto money, as its receipts tell."""

    __tablename__ = "transactions"
    __table_args__ = (
        _check("amount", "amount > 0"),
        _check("addresses", "from_address <> to_address"),
        _one_of(
            "status",
            "requested", "waiting", "approved", "signed", "sent", "confirmed", "failed", "refused",
        ),
        UniqueConstraint("chain_id", "tx_hash"),
        Index(None, "status", "created_at"),
        Index(None, "created_at"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    chain_id: Mapped[int]
    token: Mapped[str]
    from_address: Mapped[str]
    to_address: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(sa.Numeric(38, 18))
    fee: Mapped[Decimal | None] = mapped_column(sa.Numeric(38, 18))
    nonce: Mapped[int | None] = mapped_column(sa.BigInteger)
    tx_hash: Mapped[str | None]
    block_number: Mapped[int | None] = mapped_column(sa.BigInteger)
    confirmations: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[str]
    reason: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class ApiKey(Base):
    """An application key; the token itself is never stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        _check("token_hash", "length(token_hash) = 32"),
        _check("scopes", "scopes <@ ARRAY['read', 'bet', 'transfer']::text[]"),
        _check("generation", "generation > 0"),
        _check(
            "previous",
            "previous_token_hash IS NULL OR length(previous_token_hash) = 32 AND generation > 1",
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    generation: Mapped[Small]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]
    last_used_at: Mapped[dt.datetime | None]
    previous_token_hash: Mapped[bytes | None]
    rotated_at: Mapped[dt.datetime | None]


class ApiNonce(Base):
    """A nonce that a signature used up; forgotten once that signature is too old anyway."""

    __tablename__ = "api_nonces"
    __table_args__ = (Index(None, "expires_at"),)

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[dt.datetime]


class ApiCall(Base):
    """A call that is made once: who runs it, or what it was answered."""

    __tablename__ = "api_calls"
    __table_args__ = (
        _check("digest", "length(digest) = 32"),
        _check("status", "status BETWEEN 200 AND 499"),
        _check(
            "answer",
            "num_nonnulls(status, headers, body) = CASE WHEN lease_until IS NULL THEN 3 ELSE 0 END",
        ),
        Index(None, "expires_at"),
    )

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    owner: Mapped[UUID]
    lease_until: Mapped[dt.datetime | None]
    status: Mapped[Small | None]
    headers: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    body: Mapped[bytes | None]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class IngestLogEntry(Base):
    """One payload's way through a feed, see `betting_ai.ports.repositories.IngestEntry`."""

    __tablename__ = "ingest_log"
    __table_args__ = (
        _check("sha256", "sha256 ~ '^[0-9a-f]{64}$'"),
        _one_of("status", "stored", "unchanged", "refused"),
        _check("rows", "rows_kept BETWEEN 0 AND rows_read"),
        _check("error", "(status = 'refused') = (error IS NOT NULL)"),
        Index(None, "source", "name", "sha256"),
        Index(None, "league", "season"),
        Index(None, "received_at"),
    )

    id: Mapped[BigKey]
    source: Mapped[str]
    name: Mapped[str]
    sha256: Mapped[str]
    received_at: Mapped[dt.datetime]
    status: Mapped[str]
    rows_read: Mapped[int]
    rows_kept: Mapped[int]
    rows_repaired: Mapped[dict[str, Any]]
    rows_refused: Mapped[dict[str, Any]]
    quotes_kept: Mapped[int]
    quotes_refused: Mapped[dict[str, Any]]
    stored: Mapped[dict[str, Any]]
    stages: Mapped[dict[str, Any]]
    error: Mapped[str | None]
    league: Mapped[str | None]
    season: Mapped[Small | None]


class ReviewDoubt(Base):
    """A name that waits for a person, see `betting_ai.ports.repositories.ReviewItem`."""

    __tablename__ = "review_queue"
    __table_args__ = (
        UniqueConstraint("source", "country", "name"),
        _one_of("verdict", "doubtful", "refused"),
        _check("resolved", "(resolved_at IS NULL) = (team_id IS NULL)"),
    )

    id: Mapped[BigKey]
    source: Mapped[str]
    country: Mapped[str]
    league: Mapped[str]
    name: Mapped[str]
    verdict: Mapped[str]
    candidates: Mapped[list[Any]]
    created_at: Mapped[CreatedAt]
    resolved_at: Mapped[dt.datetime | None]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))


class SettledTransfer(Base):
    """What became of a transfer, see `betting_ai.ports.repositories.TransferReceipt`.

    One row an intent; what is told of it later, under a higher version, takes its place.
    """

    __tablename__ = "transfer_receipts"
    __table_args__ = (
        UniqueConstraint("intent_id"),
        _one_of("state", "final", "failed", "replaced", "expired"),
        _check("tx_hash", "tx_hash ~ '^0x[0-9a-f]{64}$'"),
        _check("units", "units > 0 AND fee >= 0"),
        _check("block", "num_nonnulls(block_number, block_hash, gas_used, fee) IN (0, 4)"),
        Index(None, "asked_at"),
        Index(None, "tx_hash"),
    )

    id: Mapped[BigKey]
    intent_id: Mapped[str]
    version: Mapped[int]
    chain_id: Mapped[int]
    tx_hash: Mapped[str]
    nonce: Mapped[int] = mapped_column(sa.BigInteger)
    sender: Mapped[str]
    recipient: Mapped[str]
    contract: Mapped[str | None]
    units: Mapped[Decimal] = mapped_column(sa.Numeric(78, 0))
    state: Mapped[str]
    reason: Mapped[str | None]
    attempts: Mapped[Small]
    block_number: Mapped[int | None] = mapped_column(sa.BigInteger)
    block_hash: Mapped[str | None]
    gas_used: Mapped[int | None] = mapped_column(sa.BigInteger)
    fee: Mapped[Decimal | None] = mapped_column(sa.Numeric(78, 0))
    asked_at: Mapped[dt.datetime]
    recorded_at: Mapped[CreatedAt]
