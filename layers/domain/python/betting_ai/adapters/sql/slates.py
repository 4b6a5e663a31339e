"""Published slates in PostgreSQL: a chain of hashes that tells if anything was changed later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Connection

from betting_ai.adapters.sql import tables
from betting_ai.adapters.sql.record import recommended_entry
from betting_ai.adapters.sql.reference import book_ids
from betting_ai.adapters.sql.tables import LINE_UNITS
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import SELECTIONS, Market
from betting_ai.domain.record import digest
from betting_ai.domain.slate import Pick, Slate
from betting_ai.ports.repositories import Prediction, Taken

MARKET_ALONE: Final = "market"
"""The model version of a slate without a model."""

_LIVE: Final = "live"
_PENDING: Final = "pending"
_VOID: Final = "void"
_REPLACED: Final = "replaced"
_LOCK: Final = 0x736C6174  # any number that only publishing uses
_NONE: Final = Decimal(0)
_PRICE: Final = Decimal("0.0001")
_MONEY: Final = Decimal("0.01")


class SqlSlateRepository:
    """`betting_ai.ports.repositories.SlateRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def taken(self, as_of: datetime, mode: str) -> dict[str, Taken]:
        """What stood before ``as_of``, of slates of a mode and of all bets: event slug -> what.

        An event that was called off is taken by nobody, and cannot be had.
        """
        event, pick, slate, bet = tables.Event, tables.Recommendation, tables.Slate, tables.Bet
        picks = (
            sa.select(event.c.slug, pick.c.market, pick.c.selection, event.c.kickoff, pick.c.stake)
            .join(event, event.c.id == pick.c.event_id)
            .join(slate, slate.c.id == pick.c.slate_id)
            .where(
                slate.c.mode == mode,
                slate.c.as_of < as_of,
                pick.c.status.not_in((_VOID, _REPLACED)),
                event.c.kickoff > as_of,
            )
        )
        bets = (
            sa.select(
                event.c.slug,
                bet.c.market,
                bet.c.selection,
                event.c.kickoff,
                sa.func.sum(bet.c.stake),
            )
            .join(event, event.c.id == bet.c.event_id)
            .where(
                bet.c.created_at < as_of,
                bet.c.status.in_(("unknown", "pending", "placed")),
                event.c.kickoff > as_of,
            )
            .group_by(event.c.slug, bet.c.market, bet.c.selection, event.c.kickoff)
        )
        off = tables.EventEnding
        called_off = (
            sa.select(
                event.c.slug, sa.literal(0), sa.literal(0), event.c.kickoff, sa.literal(_NONE)
            )
            .join_from(off, event, event.c.id == off.c.event_id)
            .where(
                off.c.ending.in_(("postponed", "cancelled")),
                off.c.received_at < as_of,
                event.c.kickoff > as_of,
            )
        )
        found = {}
        for asked, is_bet in ((picks, False), (bets, True), (called_off, True)):
            for slug, market, k, kickoff, stake in self._connection.execute(asked):
                outcome = SELECTIONS[Market(market)][k]
                found[slug] = Taken(outcome, kickoff, stake, is_bet)
        return found

    def add(self, slate: Slate, predictions: Sequence[Prediction], mode: str = _LIVE) -> None:
        """Publish a slate with the predictions behind it; the same slate changes nothing.

        A pick on an event that a standing recommendation is on replaces that one. Others who
        publish wait until this transaction ends, so that the chain has no forks. What a member
        said of an event at the same instant before stays as it is.

        Args:
            slate: its events are stored.
            predictions: of stored events; those with NaN are answers that were not given.
            mode: ``"live"`` or ``"replay"``.
        """
        payload = slate.to_dict()
        name = digest(payload)
        # Each statement sees what was committed before it began: first the lock, then the look.
        self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if self._connection.scalar(sa.select(sa.exists().where(tables.Slate.c.id == name))):
            return
        model = slate.model or MARKET_ALONE
        previous = self._last_slate()
        self._connection.execute(
            sa.insert(tables.Slate).values(
                id=name,
                as_of=slate.as_of,
                window_hours=slate.window_hours,
                profile=slate.criteria.profile,
                model_version=model,
                mode=mode,
                payload=payload,
                previous_hash=previous,
                hash=digest(payload, previous or ""),
            )
        )
        self._recommend(name, slate.picks, slate.as_of)
        self._predict(predictions, slate.as_of, model)

    def _last_slate(self) -> str | None:
        """The hash that no slate follows.

        Not that of the newest: slates bear the instant at which their transaction began.
        """
        following = tables.Slate.alias()
        followed = sa.exists().where(following.c.previous_hash == tables.Slate.c.hash)
        return self._connection.scalar(sa.select(tables.Slate.c.hash).where(~followed))

    def _recommend(self, slate_id: str, picks: Sequence[Pick], as_of: datetime) -> None:
        table = tables.Recommendation
        last = sa.select(table.c.hash).order_by(table.c.id.desc()).limit(1)
        previous = self._connection.scalar(last)
        books = book_ids(self._connection, sorted({p.candidate.bookmaker for p in picks}))
        events = [event_id(pick.candidate.event_id) for pick in picks]
        replaced = {
            event: (key, link)
            for event, key, link in self._connection.execute(
                sa.update(table)
                .where(table.c.event_id.in_(events), table.c.status == _PENDING)
                .values(status=_REPLACED, settled_at=as_of)
                .returning(table.c.event_id, table.c.id, table.c.hash)
            )
        }
        for pick in picks:
            row = _recommendation(slate_id, pick, books)
            row["replaces_id"], before = replaced.get(row["event_id"], (None, None))
            candidate = pick.candidate
            entry = recommended_entry(row, candidate.event_id, candidate.bookmaker, before)
            link = digest(entry, previous or "")
            self._connection.execute(
                sa.insert(table).values(**row, previous_hash=previous, hash=link)
            )
            previous = link

    def _predict(self, predictions: Sequence[Prediction], as_of: datetime, model: str) -> None:
        """All rows in one statement, however many."""
        given = [p for p in predictions if not math.isnan(p.probabilities[0])]
        events = [event_id(p.event_id) for p in given]
        home, draw, away = ([_or_null(p.probabilities[k]) for p in given] for k in range(3))
        answers = (
            sa.func.unnest(
                sa.literal(events, ARRAY(sa.BigInteger)),
                sa.literal([p.member for p in given], ARRAY(sa.Text)),
                *(sa.literal(column, ARRAY(sa.Double)) for column in (home, draw, away)),
            )
            .table_valued("event_id", "member", "p_home", "p_draw", "p_away")
            .render_derived()
        )
        rows = sa.select(*answers.c, sa.literal(as_of), sa.literal(model))
        columns = [*answers.c.keys(), "as_of", "model_version"]
        self._connection.execute(
            insert(tables.Prediction).from_select(columns, rows).on_conflict_do_nothing()
        )


def _recommendation(slate_id: str, pick: Pick, books: dict[str, int]) -> dict[str, Any]:
    """What is told of a pick, as it will be read back; its hash is made of it."""
    candidate = pick.candidate
    return {
        "slate_id": slate_id,
        "rank": pick.rank,
        "event_id": event_id(candidate.event_id),
        "book_id": books[candidate.bookmaker],
        "market": int(candidate.market.kind),
        "line": int(candidate.market.line * LINE_UNITS),
        "selection": SELECTIONS[candidate.market.kind].index(candidate.outcome),
        "price": candidate.price.quantize(_PRICE),
        "quoted_at": candidate.prices_as_of,
        "probability": candidate.f,
        "ensemble_probability": _or_null(candidate.p),
        "consensus_probability": candidate.q,
        "model_ev": candidate.model_ev,
        "ev": candidate.ev,
        "ev_lower": candidate.ev_lower,
        "ev_se": candidate.ev_se,
        "confidence": candidate.confidence,
        "risk_score": candidate.risk,
        "risk_adjusted_return": candidate.rar,
        "composite_score": candidate.composite,
        "stake": pick.stake.quantize(_MONEY),
        "bet_until_price": pick.bet_until.quantize(_PRICE),
        "expires_at": pick.expires_at,
        "advice": pick.advice,
        "rationale": pick.rationale.to_dict(),
    }


def _or_null(probability: float) -> float | None:
    return None if math.isnan(probability) else probability
