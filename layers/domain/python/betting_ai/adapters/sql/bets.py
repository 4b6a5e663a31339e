"""Sessions, bets and their ledger in PostgreSQL; a session's row is the lock on its money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.engine import Connection, RowMapping

from betting_ai.adapters.sql import tables
from betting_ai.adapters.sql.reference import book_ids
from betting_ai.adapters.sql.tables import LINE_UNITS
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import SELECTIONS, Market
from betting_ai.domain.protections import Limits, OpenStake, Standing, Violation
from betting_ai.errors import InvalidInputError
from betting_ai.ports.bets import MISSING, BetStatus, LedgerLine, NewBet, Pause, Session, StoredBet
from betting_ai.ports.record import Settlement, Subject

_UNDECIDED: Final = (BetStatus.UNKNOWN, BetStatus.PENDING)
_OPEN: Final = (*_UNDECIDED, BetStatus.PLACED)
_LOST: Final = ("lost", "half_lost")
_TELLING: Final = ("won", "half_won", *_LOST)
_KILL_SWITCH: Final = "kill_switch"
_RECENT: Final = 1_000  # no losing streak that a limit can name is longer


class SqlBetRepository:
    """`betting_ai.ports.bets.BetRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open_session(
        self, name: str, mode: str, currency: str, bankroll: Decimal, limits: Limits, at: datetime
    ) -> Session:
        """Begin a session with its first deposit.

        Raises:
            InvalidInputError: one of this mode is open.
        """
        table = tables.BettingSession
        begun = self._connection.scalar(
            insert(table)
            .values(
                name=name,
                mode=mode,
                currency=currency,
                starting_bankroll=bankroll,
                bankroll=0,
                limits=limits.to_dict(),
                started_at=at,
            )
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        if begun is None:
            raise InvalidInputError(f"a {mode} session is open; close it first")
        self._enter(begun, None, "deposit", bankroll, at)
        return next(s for s in self.sessions() if s.id == begun)

    def close_session(self, session_id: int, at: datetime) -> None:
        """End a session.

        Raises:
            InvalidInputError: it has open bets, or is not open.
        """
        table, bet = tables.BettingSession, tables.Bet
        self._lock(session_id)
        waiting = self._connection.scalar(
            sa.select(sa.func.count()).where(
                bet.c.session_id == session_id, bet.c.status.in_(_OPEN)
            )
        )
        if waiting:
            told = (
                "1 bet is open; settle it"
                if waiting == 1
                else f"{waiting} bets are open; settle them"
            )
            raise InvalidInputError(f"{told} first")
        closed = self._connection.execute(
            sa.update(table)
            .where(table.c.id == session_id, table.c.status == "open")
            .values(status="closed", ended_at=at)
        )
        if not closed.rowcount:
            raise InvalidInputError(f"session {session_id} is not open")

    def sessions(self) -> list[Session]:
        """All of them, oldest first."""
        table, bet = tables.BettingSession, tables.Bet
        at_risk = (
            sa.select(sa.func.coalesce(sa.func.sum(bet.c.stake), 0))
            .where(bet.c.session_id == table.c.id, bet.c.status.in_(_OPEN))
            .correlate(table)
            .scalar_subquery()
        )
        asked = sa.select(table, at_risk.label("at_risk")).order_by(table.c.id)
        return [_session(row) for row in self._connection.execute(asked).mappings()]

    def current(self, mode: str) -> Session | None:
        """The open session of a mode."""
        return next((s for s in self.sessions() if s.open and s.mode == mode), None)

    def standing(self, session_id: int, now: datetime) -> Standing:
        """How a session stands; nobody else bets from it before this transaction ends."""
        session = self._lock(session_id)
        midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
        monday = midnight - timedelta(days=midnight.weekday())
        streak, last_loss = self._streak(session["mode"])
        pauses = {
            kind: self._paused_until(kind, session["mode"])
            for kind in (Pause.COOL_OFF, Pause.SELF_EXCLUSION)
        }
        return Standing(
            now=now,
            cash=session["bankroll"],
            best=self._best(session_id, session["starting_bankroll"]),
            profit_today=self._profit_since(session["mode"], midnight),
            profit_this_week=self._profit_since(session["mode"], monday),
            losses_in_a_row=streak,
            last_loss_at=last_loss,
            open=self._open_stakes(session_id),
            cooling_off_until=pauses[Pause.COOL_OFF],
            excluded_until=pauses[Pause.SELF_EXCLUSION],
            killed=self._killed(),
        )

    def begin(self, bet: NewBet, at: datetime) -> StoredBet | None:
        """Store a bet as unknown and take its stake; None where its reference is there already."""
        table = tables.Bet
        key = self._connection.scalar(
            insert(table)
            .values(
                reference=bet.reference,
                session_id=bet.session_id,
                recommendation_id=bet.recommendation_id,
                event_id=event_id(bet.event_id),
                book_id=book_ids(self._connection, [bet.bookmaker])[bet.bookmaker],
                market=int(bet.market),
                line=int(bet.line * LINE_UNITS),
                selection=SELECTIONS[bet.market].index(bet.outcome),
                price=bet.price,
                stake=bet.stake,
                venue=bet.venue,
                mode=bet.mode,
                status=BetStatus.UNKNOWN,
                created_at=at,
            )
            .on_conflict_do_nothing(index_elements=["reference"])
            .returning(table.c.id)
        )
        if key is None:
            return None
        self._enter(bet.session_id, key, "stake", -bet.stake, at)
        return self.find(bet.reference)

    def find(self, reference: UUID) -> StoredBet | None:
        """The bet of a reference."""
        found = self._bets(tables.Bet.c.reference == reference)
        return found[0] if found else None

    def resolve(
        self,
        reference: UUID,
        status: BetStatus,
        *,
        at: datetime,
        price: Decimal | None = None,
        stake: Decimal | None = None,
        venue_reference: str | None = None,
        reason: str | None = None,
    ) -> StoredBet:
        """Note what a venue said of an unknown or pending bet; a rejected one gives its stake back.

        One that is neither any more stays as it is, but for one that counted as never arrived and
        was taken after all.

        Raises:
            InvalidInputError: there is no bet of this reference.
        """
        table = tables.Bet
        row = (
            self._connection.execute(
                sa.select(table).where(table.c.reference == reference).with_for_update()
            )
            .mappings()
            .one_or_none()
        )
        if row is None:
            raise InvalidInputError(f"no bet has the reference {reference}")
        late = row["status"] == BetStatus.REJECTED and row["reason"] == MISSING
        if row["status"] in _UNDECIDED or (late and status is BetStatus.PLACED):
            taken = stake if status is BetStatus.PLACED and stake is not None else row["stake"]
            told = {"price": price, "venue_reference": venue_reference}
            self._connection.execute(
                sa.update(table)
                .where(table.c.id == row["id"])
                .values(
                    status=status,
                    stake=taken,
                    reason=reason,
                    placed_at=at if status is BetStatus.PLACED else None,
                    **{name: value for name, value in told.items() if value is not None},
                )
            )
            paid = Decimal(0) if late else row["stake"]
            if status is BetStatus.REJECTED:
                self._enter(row["session_id"], row["id"], "refund", paid, at)
            elif paid != taken:
                self._enter(row["session_id"], row["id"], "correction", paid - taken, at)
        found = self.find(reference)
        assert found is not None  # noqa: S101 - it was locked above
        return found

    def pay(self, settlements: Sequence[Settlement]) -> None:
        """Let bets show their settlements, and move the money."""
        table = tables.Bet
        for one in settlements:
            if one.due.subject is not Subject.BET:
                continue
            verdict = one.verdict
            session = self._connection.scalar(
                sa.update(table)
                .where(table.c.id == one.due.id)
                .values(
                    status=verdict.result,
                    profit=verdict.profit,
                    clv=verdict.clv,
                    settled_at=one.at,
                )
                .returning(table.c.session_id)
            )
            assert session is not None  # noqa: S101 - what is due is stored
            if one.due.last is None:
                back = one.due.stake + verdict.profit
                self._enter(session, one.due.id, "payout", back, one.at)
            elif change := verdict.profit - one.due.last.profit:
                self._enter(session, one.due.id, "correction", change, one.at)

    def undecided(self, missing_since: datetime) -> list[StoredBet]:
        """Bets that only their venue can tell about, oldest first."""
        table = tables.Bet
        missing = sa.and_(
            table.c.status == BetStatus.REJECTED,
            table.c.reason == MISSING,
            table.c.created_at >= missing_since,
        )
        return self._bets(sa.or_(table.c.status.in_(_UNDECIDED), missing))[::-1]

    def settled(self, mode: str, since: datetime) -> list[StoredBet]:
        """Bets of a mode that were settled since an instant, oldest first."""
        table = tables.Bet
        return self._bets(sa.and_(table.c.mode == mode, table.c.settled_at >= since))[::-1]

    def bets(self, session_id: int | None = None, limit: int | None = None) -> list[StoredBet]:
        """Bets of a session or of all, newest first."""
        wanted = sa.true() if session_id is None else tables.Bet.c.session_id == session_id
        return self._bets(wanted, limit=limit)

    def newest(self, limit: int | None, *rules: sa.ColumnElement[bool]) -> list[StoredBet]:
        """Those that keep some rules; newest first."""
        return self._bets(*rules, limit=limit)

    def ledger(self, session_id: int) -> list[LedgerLine]:
        """All entries of a session, oldest first."""
        table, bet = tables.LedgerEntry, tables.Bet
        rows = self._connection.execute(
            sa.select(table.c.session_id, bet.c.reference, table.c.kind, table.c.amount, table.c.at)
            .outerjoin(bet, bet.c.id == table.c.bet_id)
            .where(table.c.session_id == session_id)
            .order_by(table.c.id)
        )
        return [LedgerLine(*row) for row in rows]

    def note_violations(self, bet: NewBet, found: Sequence[Violation], at: datetime) -> None:
        """Keep what protections stopped."""
        self._connection.execute(
            sa.insert(tables.Violation),
            [
                {
                    "session_id": bet.session_id,
                    "reference": bet.reference,
                    "event_id": event_id(bet.event_id),
                    "stake": bet.stake,
                    "protection": one.protection,
                    "detail": one.detail,
                    "at": at,
                }
                for one in found
            ],
        )

    def violations(self, session_id: int) -> list[dict[str, Any]]:
        """What protections stopped, oldest first."""
        table, event = tables.Violation, tables.Event
        rows = self._connection.execute(
            sa.select(
                table.c.at,
                event.c.slug.label("event_id"),
                table.c.stake,
                table.c.protection,
                table.c.detail,
            )
            .join(event, event.c.id == table.c.event_id)
            .where(table.c.session_id == session_id)
            .order_by(table.c.id)
        ).mappings()
        return [dict(row) for row in rows]

    def pause(self, kind: Pause, until: datetime, mode: str | None, why: str, at: datetime) -> None:
        """Begin a pause, or make one longer; of a mode, or of both.

        Raises:
            InvalidInputError: one that ends later is there already.
        """
        present = self._paused_until(kind, mode)
        if present is not None and until < present:
            words = kind.replace("_", " ")
            raise InvalidInputError(
                f"a {words} until {present:%Y-%m-%d %H:%M} UTC is there and cannot be shortened"
            )
        self._restrain(kind, mode, engaged=True, until=until, why=why, at=at)

    def switch(self, *, killed: bool, why: str, at: datetime) -> None:
        """Turn the kill switch on or off."""
        self._restrain(_KILL_SWITCH, None, engaged=killed, until=None, why=why, at=at)

    def _restrain(
        self,
        kind: str,
        mode: str | None,
        *,
        engaged: bool,
        until: datetime | None,
        why: str,
        at: datetime,
    ) -> None:
        self._connection.execute(
            sa.insert(tables.Restraint).values(
                kind=kind, mode=mode, engaged=engaged, until=until, reason=why, at=at
            )
        )

    def _paused_until(self, kind: Pause, mode: str | None) -> datetime | None:
        """The last end of any pause that covers the mode; nothing takes one back."""
        table = tables.Restraint
        covers = sa.or_(table.c.mode.is_(None), table.c.mode == (mode or ""))
        last = sa.select(sa.func.max(table.c.until)).where(table.c.kind == kind, covers)
        until: datetime | None = self._connection.scalar(last)
        return until

    def _killed(self) -> bool:
        table = tables.Restraint
        last = (
            sa.select(table.c.engaged)
            .where(table.c.kind == _KILL_SWITCH)
            .order_by(table.c.id.desc())
            .limit(1)
        )
        return bool(self._connection.scalar(last))

    def _lock(self, session_id: int) -> RowMapping:
        table = tables.BettingSession
        row = (
            self._connection.execute(
                sa.select(table).where(table.c.id == session_id).with_for_update()
            )
            .mappings()
            .one_or_none()
        )
        if row is None:
            raise InvalidInputError(f"there is no session {session_id}")
        return row

    def _enter(
        self, session_id: int, bet_id: int | None, kind: str, amount: Decimal, at: datetime
    ) -> None:
        """One entry, and the session's bankroll with it."""
        self._connection.execute(
            sa.insert(tables.LedgerEntry).values(
                session_id=session_id, bet_id=bet_id, kind=kind, amount=amount, at=at
            )
        )
        table = tables.BettingSession
        self._connection.execute(
            sa.update(table)
            .where(table.c.id == session_id)
            .values(bankroll=table.c.bankroll + amount)
        )

    def _profit_since(self, mode: str, since: datetime) -> Decimal:
        """Of everything that was settled since, what settling it anew changed included."""
        table, bet = tables.Settlement, tables.Bet
        before = (
            sa.select(table.c.bet_id, table.c.profit)
            .join(bet, bet.c.id == table.c.bet_id)
            .where(bet.c.mode == mode, table.c.settled_at < since)
            .ext(distinct_on(table.c.bet_id))
            .order_by(table.c.bet_id, table.c.id.desc())
            .subquery()
        )
        changed = (
            sa.select(table.c.bet_id, table.c.profit)
            .join(bet, bet.c.id == table.c.bet_id)
            .where(bet.c.mode == mode, table.c.settled_at >= since)
            .ext(distinct_on(table.c.bet_id))
            .order_by(table.c.bet_id, table.c.id.desc())
            .subquery()
        )
        total = self._connection.scalar(
            sa.select(
                sa.func.sum(changed.c.profit - sa.func.coalesce(before.c.profit, 0))
            ).select_from(changed.outerjoin(before, before.c.bet_id == changed.c.bet_id))
        )
        return total if total is not None else Decimal(0)

    def _best(self, session_id: int, starting: Decimal) -> Decimal:
        """The highest that deposits and settled profits ever brought the bankroll to."""
        table = tables.Bet
        running = (
            sa.select(
                sa.func.sum(table.c.profit)
                .over(order_by=(table.c.settled_at, table.c.id))
                .label("sum")
            )
            .where(table.c.session_id == session_id, table.c.profit.is_not(None))
            .subquery()
        )
        highest = self._connection.scalar(sa.select(sa.func.max(running.c.sum)))
        return starting + max(highest or Decimal(0), Decimal(0))

    def _streak(self, mode: str) -> tuple[int, datetime | None]:
        """How many of the newest settled bets were lost, and when the last of them was."""
        table = tables.Bet
        newest = self._connection.execute(
            sa.select(table.c.status, table.c.settled_at)
            .where(table.c.mode == mode, table.c.status.in_(_TELLING))
            .order_by(table.c.settled_at.desc(), table.c.id.desc())
            .limit(_RECENT)
        ).all()
        count = next(
            (i for i, (status, _) in enumerate(newest) if status not in _LOST), len(newest)
        )
        return count, newest[0][1] if count else None

    def _open_stakes(self, session_id: int) -> tuple[OpenStake, ...]:
        found = self._bets(
            sa.and_(tables.Bet.c.session_id == session_id, tables.Bet.c.status.in_(_OPEN))
        )
        return tuple(
            OpenStake(b.bet.event_id, b.league, b.kickoff, b.bet.outcome, b.bet.stake)
            for b in found
        )

    def _bets(self, *rules: sa.ColumnElement[bool], limit: int | None = None) -> list[StoredBet]:
        table, event, league, book = tables.Bet, tables.Event, tables.League, tables.Book
        home, away = tables.Team.alias(), tables.Team.alias()
        asked = (
            sa.select(
                table,
                event.c.slug.label("event_slug"),
                (home.c.name + " vs " + away.c.name).label("event_name"),
                event.c.kickoff,
                league.c.code.label("league"),
                book.c.code.label("bookmaker"),
            )
            .join(event, event.c.id == table.c.event_id)
            .join(league, league.c.id == event.c.league_id)
            .join(book, book.c.id == table.c.book_id)
            .join(home, home.c.id == event.c.home_id)
            .join(away, away.c.id == event.c.away_id)
            .where(*rules)
            .order_by(table.c.id.desc())
            .limit(limit)
        )
        return [_bet(row) for row in self._connection.execute(asked).mappings()]


def _session(row: RowMapping) -> Session:
    return Session(
        id=row["id"],
        name=row["name"],
        mode=row["mode"],
        open=row["status"] == "open",
        currency=row["currency"],
        starting_bankroll=row["starting_bankroll"],
        cash=row["bankroll"],
        at_risk=row["at_risk"],
        limits=Limits.from_dict(row["limits"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def _bet(row: RowMapping) -> StoredBet:
    market = Market(row["market"])
    return StoredBet(
        id=row["id"],
        bet=NewBet(
            reference=row["reference"],
            session_id=row["session_id"],
            recommendation_id=row["recommendation_id"],
            event_id=row["event_slug"],
            bookmaker=row["bookmaker"],
            market=market,
            line=row["line"] / LINE_UNITS,
            outcome=SELECTIONS[market][row["selection"]],
            price=row["price"],
            stake=row["stake"],
            venue=row["venue"],
            mode=row["mode"],
        ),
        event_name=row["event_name"],
        league=row["league"],
        kickoff=row["kickoff"],
        status=row["status"],
        venue_reference=row["venue_reference"],
        reason=row["reason"],
        profit=row["profit"],
        clv=row["clv"],
        created_at=row["created_at"],
        placed_at=row["placed_at"],
        settled_at=row["settled_at"],
    )
