"""The public record in PostgreSQL: endings, settlements, figures, and the chains of it all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, datetime, time, timedelta
from operator import itemgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Connection, RowMapping

from betting_ai.adapters.sql import tables
from betting_ai.adapters.sql.reference import league_ids
from betting_ai.adapters.sql.tables import LINE_UNITS
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import SELECTIONS, Market
from betting_ai.domain.record import digest
from betting_ai.domain.settlement import Ending, Score, Settled
from betting_ai.domain.sports import Ended
from betting_ai.errors import InvalidInputError
from betting_ai.ports.record import (
    DayFigures,
    Due,
    Link,
    RecordedPick,
    Settlement,
    Subject,
    Told,
    Verdict,
    Why,
)

_LOCK: Final = 0x7365746C  # any number that only settling uses
_UK: Final = ZoneInfo("Europe/London")
_LATE_CLOSE: Final = timedelta(days=30)  # so long a close may still come

_SOONEST: Final = {  # after kick-off; it may be called off at any time
    Ending.FINISHED: timedelta(hours=1),
    Ending.ABANDONED: timedelta(0),
    Ending.RETIRED: timedelta(0),
}

# Columns that a recommendation's hash is made of, beside the names that its keys stand for.
_RECOMMENDED: Final = (
    "slate_id", "rank", "line", "price", "quoted_at", "probability", "ensemble_probability",
    "consensus_probability", "model_ev", "ev", "ev_lower", "ev_se", "confidence", "risk_score",
    "risk_adjusted_return", "composite_score", "stake", "bet_until_price", "expires_at", "advice",
    "rationale",
)  # fmt: skip
_SETTLED: Final = (
    "status", "reason", "ending", "goals_home", "goals_away", "profit", "clv", "settled_at",
)  # fmt: skip


ENDED: Final = {
    Ended.FINISHED: Ending.FINISHED,
    Ended.RETIRED: Ending.RETIRED,
    Ended.WALKOVER: Ending.WALKOVER,
}
"""How a result row says that an event ended, in the record's words."""


class SqlRecordRepository:
    """`betting_ai.ports.record.RecordRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, as_of: datetime) -> list[Due]:
        """What has to be settled: nobody else settles before this transaction ends."""
        self._lock()
        pick, bet = tables.Recommendation, tables.Bet
        return [
            *self._due(Subject.PICK, pick, pick.c.status == "pending", as_of),
            *self._due(Subject.BET, bet, bet.c.status == "placed", as_of),
        ]

    def settled_bet(self, key: int) -> tuple[Due, Verdict]:
        """A bet and its last settlement; nobody else settles before this transaction ends.

        Raises:
            InvalidInputError: it is not settled.
        """
        self._lock()
        last = tables.Settlement.alias()
        found = self._with_last(Subject.BET, tables.Bet, last, tables.Bet.c.id == key)
        if not found or found[0].last is None:
            raise InvalidInputError(f"bet {key} is not settled")
        return found[0], found[0].last

    def _lock(self) -> None:
        self._connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))

    def _due(
        self,
        subject: Subject,
        table: sa.Table,
        unsettled: sa.ColumnElement[bool],
        as_of: datetime,
    ) -> list[Due]:
        event, last = tables.Event, tables.Settlement.alias()
        told_otherwise = sa.exists().where(tables.EventEnding.c.event_id == table.c.event_id)
        late_close = sa.and_(last.c.clv.is_(None), event.c.kickoff > as_of - _LATE_CLOSE)
        anew = sa.and_(
            last.c.id.is_not(None),
            sa.or_(told_otherwise, last.c.reason == Why.NO_RESULT, late_close),
        )
        called_off = sa.exists().where(
            tables.EventEnding.c.event_id == table.c.event_id,
            tables.EventEnding.c.ending.in_((Ending.POSTPONED, Ending.CANCELLED)),
        )
        over = sa.or_(event.c.kickoff <= as_of, called_off)
        return self._with_last(subject, table, last, sa.and_(over, sa.or_(unsettled, anew)))

    def _with_last(
        self,
        subject: Subject,
        table: sa.Table,
        last: sa.FromClause,
        wanted: sa.ColumnElement[bool],
    ) -> list[Due]:
        """Picks or bets, each with its newest settlement where it has one."""
        event = tables.Event
        newest = (
            sa.select(sa.func.max(tables.Settlement.c.id))
            .where(_of(tables.Settlement, subject) == table.c.id)
            .correlate(table)
            .scalar_subquery()
        )
        rows = self._connection.execute(
            sa.select(*_due_columns(table, event, last))
            .join(event, event.c.id == table.c.event_id)
            .outerjoin(last, last.c.id == newest)
            .where(wanted)
            .order_by(table.c.id)
        ).mappings()
        return [_due_of(subject, row) for row in rows]

    def endings(self, events: Collection[str], as_of: datetime) -> dict[str, tuple[Score, bool]]:
        """How events ended, as known at ``as_of``: slug -> the score, and whether it corrects."""
        keys = [event_id(slug) for slug in events]
        event, result, ending = tables.Event, tables.Result, tables.EventEnding
        first = self._connection.execute(
            sa.select(event.c.slug, result.c.goals_home, result.c.goals_away, result.c.ending)
            .join(event, event.c.id == result.c.event_id)
            .where(
                result.c.event_id == sa.any_(_keys(keys)),
                result.c.known_at <= as_of,
                sa.or_(result.c.reconstructed, result.c.received_at <= as_of),
                sa.or_(
                    sa.and_(result.c.goals_home.is_not(None), result.c.goals_away.is_not(None)),
                    result.c.ending != Ended.FINISHED,
                ),
            )
        )
        found = {
            slug: (Score(ENDED[Ended(ended)], home, away), False)
            for slug, home, away, ended in first
        }
        later = self._connection.execute(
            sa.select(event.c.slug, ending.c.ending, ending.c.goals_home, ending.c.goals_away)
            .join(event, event.c.id == ending.c.event_id)
            .where(ending.c.event_id == sa.any_(_keys(keys)), ending.c.received_at <= as_of)
            .order_by(ending.c.id)
        )
        for slug, word, home, away in later:
            found[slug] = (Score(Ending(word), home, away), True)
        return found

    def add_ending(self, event_id_: str, score: Score, source: str, received_at: datetime) -> bool:
        """Note how an event ended; whether that was news.

        Raises:
            InvalidInputError: there is no such event, or it cannot have ended so by then.
        """
        key = event_id(event_id_)
        kickoff = self._connection.scalar(
            sa.select(tables.Event.c.kickoff).where(tables.Event.c.id == key)
        )
        if kickoff is None:
            raise InvalidInputError(f"no event {event_id_} is known")
        soonest = _SOONEST.get(score.ending)
        if soonest is not None and received_at < kickoff + soonest:
            raise InvalidInputError(
                f"{event_id_} begins at {kickoff:%Y-%m-%d %H:%M} UTC; it cannot be "
                f"{score.ending} yet"
            )
        known = self.endings([event_id_], received_at).get(event_id_)
        if known is not None and known[0] == score:
            return False
        self._connection.execute(
            sa.insert(tables.EventEnding).values(
                event_id=key,
                ending=score.ending,
                goals_home=score.home,
                goals_away=score.away,
                source=source,
                received_at=received_at,
            )
        )
        return True

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Keep settlements in their chain, and let picks show them."""
        table = tables.Settlement
        last = sa.select(table.c.hash).order_by(table.c.id.desc()).limit(1)
        previous = self._connection.scalar(last)
        for one in settlements:
            row = _settled_row(one)
            link = digest(settled_entry(row, self._subject(one.due)), previous or "")
            self._connection.execute(
                sa.insert(table).values(**row, previous_hash=previous, hash=link)
            )
            previous = link
            if one.due.subject is Subject.PICK:
                shown = {name: row[name] for name in ("status", "profit", "clv", "settled_at")}
                pick = tables.Recommendation
                self._connection.execute(
                    sa.update(pick).where(pick.c.id == one.due.id).values(**shown)
                )

    def settlements(self) -> list[Settlement]:
        """All of them, oldest first."""
        table, event = tables.Settlement, tables.Event
        found: list[tuple[int, Settlement]] = []
        for subject, of in ((Subject.PICK, tables.Recommendation), (Subject.BET, tables.Bet)):
            rows = self._connection.execute(
                sa.select(
                    table.c.id.label("number"), table.c.settled_at, *_due_columns(of, event, table)
                )
                .join(of, of.c.id == _of(table, subject))
                .join(event, event.c.id == of.c.event_id)
            ).mappings()
            for row in rows:
                due = _due_of(subject, row)
                assert due.last is not None  # noqa: S101 - the settlement itself
                one = Settlement(replace(due, last=None), due.last, row["settled_at"])
                found.append((row["number"], one))
        return [one for _, one in sorted(found, key=itemgetter(0))]

    def _subject(self, due: Due) -> str:
        """The name that a settlement's entry gives to what it settles."""
        pick, bet = tables.Recommendation, tables.Bet
        if due.subject is Subject.PICK:
            return (
                f"pick {self._connection.scalar(sa.select(pick.c.hash).where(pick.c.id == due.id))}"
            )
        return (
            f"bet {self._connection.scalar(sa.select(bet.c.reference).where(bet.c.id == due.id))}"
        )

    def picks(self, since: date | None = None, until: date | None = None) -> list[RecordedPick]:
        """Recommendations whose slates are of some UK dates (both included), oldest first."""
        return self._picks(*of_uk_days(since, until))

    def pick(self, key: int) -> RecordedPick | None:
        """One recommendation."""
        found = self._picks(tables.Recommendation.c.id == key)
        return found[0] if found else None

    def newest(self, limit: int, *rules: sa.ColumnElement[bool]) -> list[RecordedPick]:
        """Those that keep some rules on pick, slate, event and league; newest first."""
        return self._picks(*rules, limit=limit)

    def _picks(
        self, *rules: sa.ColumnElement[bool], limit: int | None = None
    ) -> list[RecordedPick]:
        pick, slate, event = tables.Recommendation, tables.Slate, tables.Event
        home, away = tables.Team.alias(), tables.Team.alias()
        league, book = tables.League, tables.Book
        asked = (
            sa.select(
                pick.c.id, pick.c.slate_id, slate.c.as_of, slate.c.mode, slate.c.profile,
                slate.c.model_version, pick.c.rank, event.c.slug.label("event_id"),
                (home.c.name + " vs " + away.c.name).label("event_name"),
                league.c.code.label("league"), event.c.kickoff, pick.c.market, pick.c.line,
                pick.c.selection, book.c.code.label("bookmaker"), pick.c.price, pick.c.stake,
                pick.c.bet_until_price.label("bet_until"), pick.c.expires_at, pick.c.probability,
                pick.c.ev, pick.c.confidence, pick.c.risk_score.label("risk"), pick.c.status,
                pick.c.profit, pick.c.clv, pick.c.settled_at, pick.c.hash,
            )
            .join(slate, slate.c.id == pick.c.slate_id)
            .join(event, event.c.id == pick.c.event_id)
            .join(league, league.c.id == event.c.league_id)
            .join(book, book.c.id == pick.c.book_id)
            .join(home, home.c.id == event.c.home_id)
            .join(away, away.c.id == event.c.away_id)
            .where(*rules)
            .order_by(pick.c.id if limit is None else pick.c.id.desc())
            .limit(limit)
        )  # fmt: skip
        return [_pick(row) for row in self._connection.execute(asked)]

    def told(self, days: Collection[date]) -> list[Told]:
        """The last word of every member on the finished events of some days."""
        said, event, result = tables.Prediction, tables.Event, tables.Result
        rows = self._connection.execute(
            sa.select(
                said.c.model_version, said.c.member, said.c.p_home, said.c.p_draw, said.c.p_away,
                event.c.day, result.c.goals_home, result.c.goals_away,
            )
            .ext(distinct_on(said.c.event_id, said.c.model_version, said.c.member))
            .join(event, event.c.id == said.c.event_id)
            .join(result, result.c.event_id == said.c.event_id)
            .where(event.c.day.in_(days), result.c.goals_home.is_not(None))
            .order_by(said.c.event_id, said.c.model_version, said.c.member, said.c.as_of.desc())
        )  # fmt: skip
        found = []
        for row in rows.mappings():
            answers = (row["p_home"], row["p_draw"], row["p_away"])
            p = tuple(x for x in answers if x is not None)
            lead = (row["goals_home"] or 0) - (row["goals_away"] or 0)
            outcome = 0 if lead > 0 else len(p) - 1 if lead < 0 else 1
            found.append(Told(row["model_version"], row["member"], p, outcome, row["day"]))
        return found

    def put_days(self, figures: Sequence[DayFigures], days: Collection[date]) -> None:
        """Replace the figures of some days."""
        table = tables.HistoricalPerformance
        self._connection.execute(sa.delete(table).where(table.c.day.in_(days)))
        if not figures:
            return
        leagues = league_ids(self._connection, {f.league for f in figures if f.league})
        self._connection.execute(
            sa.insert(table),
            [
                {
                    "day": f.day,
                    "profile": f.profile,
                    "mode": f.mode,
                    "league_id": leagues[f.league] if f.league else None,
                    "picks": f.picks,
                    **{str(result): f.counts.get(result, 0) for result in Settled},
                    "staked": f.staked,
                    "profit": f.profit,
                    "clv_count": f.clv_count,
                    "clv_sum": f.clv_sum,
                    "beat_close": f.beat_close,
                }
                for f in figures
            ],
        )

    def days(self) -> list[DayFigures]:
        """All figures, oldest first."""
        table, league = tables.HistoricalPerformance, tables.League
        rows = self._connection.execute(
            sa.select(table, league.c.code)
            .outerjoin(league, league.c.id == table.c.league_id)
            .order_by(table.c.day, table.c.profile, table.c.mode, league.c.code.nulls_first())
        ).mappings()
        return [
            DayFigures(
                **{n: row[n] for n in ("day", "profile", "mode", "picks", "staked", "profit")},
                league=row["code"],
                counts={result: row[result] for result in Settled},
                **{n: row[n] for n in ("clv_count", "clv_sum", "beat_close")},
            )
            for row in rows
        ]

    def links(self) -> list[Link]:
        """Every entry of every chain, each chain from its first."""
        slate, pick, settled = tables.Slate, tables.Recommendation, tables.Settlement
        slates = [
            Link(
                "slates",
                f"slate {row['id']}",
                row["payload"],
                row["previous_hash"],
                row["hash"],
                row["created_at"] if row["mode"] == "live" else None,
            )
            for row in self._rows(slate, slate.c.as_of, slate.c.id)
        ]
        event, book = tables.Event, tables.Book
        asked = (
            sa.select(pick, event.c.slug, book.c.code)
            .join(event, event.c.id == pick.c.event_id)
            .join(book, book.c.id == pick.c.book_id)
            .order_by(pick.c.id)
        )
        found = [dict(row) for row in self._connection.execute(asked).mappings()]
        hashes = {row["id"]: row["hash"] for row in found}
        picks = [
            Link(
                "recommendations",
                f"pick {row['rank']} of slate {row['slate_id']}",
                recommended_entry(row, row["slug"], row["code"], hashes.get(row["replaces_id"])),
                row["previous_hash"],
                row["hash"],
            )
            for row in found
        ]
        bet = tables.Bet
        references = dict(self._connection.execute(sa.select(bet.c.id, bet.c.reference)).all())
        settlements = [
            Link(
                "settlements",
                f"settlement {row['id']}",
                settled_entry(
                    dict(row),
                    f"pick {hashes.get(row['recommendation_id'])}"
                    if row["bet_id"] is None
                    else f"bet {references.get(row['bet_id'])}",
                ),
                row["previous_hash"],
                row["hash"],
            )
            for row in self._rows(settled, settled.c.id)
        ]
        return [*_followed(slates), *picks, *settlements]

    def _rows(self, table: sa.Table, *order: Any) -> list[RowMapping]:  # noqa: ANN401
        asked = sa.select(table).order_by(*order)
        return list(self._connection.execute(asked).mappings())


def of_uk_days(since: date | None, until: date | None) -> list[sa.ColumnElement[bool]]:
    """That a slate is of some UK dates, both included; said in instants, which an index knows."""
    rules: list[sa.ColumnElement[bool]] = []
    if since is not None:
        rules.append(tables.Slate.c.as_of >= _uk_midnight(since))
    if until is not None and until < date.max:
        rules.append(tables.Slate.c.as_of < _uk_midnight(until + timedelta(days=1)))
    return rules


def _uk_midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _UK)


def recommended_entry(
    row: Mapping[str, Any], event: str, bookmaker: str, replaces: str | None
) -> dict[str, Any]:
    """What a recommendation's hash is made of: its columns, and what its keys stand for.

    Args:
        row: of the table.
        event: slug.
        bookmaker: book code.
        replaces: hash of the recommendation that it replaces, where it does.
    """
    market = Market(row["market"])
    entry = {name: row[name] for name in _RECOMMENDED} | {
        "event": event,
        "bookmaker": bookmaker,
        "market": market.name.lower(),
        "selection": str(SELECTIONS[market][row["selection"]]),
    }
    return entry if replaces is None else entry | {"replaces": replaces}


def settled_entry(row: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """What a settlement's hash is made of.

    Args:
        row: of the table.
        subject: ``"pick <hash>"`` or ``"bet <reference>"``.
    """
    return {"subject": subject} | {name: row[name] for name in _SETTLED}


def _followed(links: Iterable[Link]) -> list[Link]:
    """Each link after the one it names; those that no link leads to come last."""
    after: dict[str | None, list[Link]] = defaultdict(list)
    for link in links:
        after[link.previous].append(link)
    found: list[Link] = []
    here: str | None = None
    while after.get(here):
        link = after[here].pop(0)
        found.append(link)
        here = link.hash
    return found + [link for rest in after.values() for link in rest]


def _of(table: sa.FromClause, subject: Subject) -> sa.ColumnElement[int | None]:
    return table.c.recommendation_id if subject is Subject.PICK else table.c.bet_id


def _keys(keys: Sequence[int]) -> sa.BindParameter[Any]:
    return sa.literal(keys, sa.ARRAY(sa.BigInteger))


def _due_columns(
    of: sa.Table,
    event: sa.Table,
    settled: sa.FromClause,
) -> tuple[Any, ...]:
    return (
        of.c.id, event.c.slug, event.c.kickoff,
        of.c.market, of.c.line, of.c.selection, of.c.price, of.c.stake,
        settled.c.status, settled.c.reason, settled.c.ending,
        settled.c.goals_home, settled.c.goals_away, settled.c.profit, settled.c.clv,
    )  # fmt: skip


def _due_of(subject: Subject, row: RowMapping) -> Due:
    market = Market(row["market"])
    last = None
    if row["status"] is not None:
        last = Verdict(
            Settled(row["status"]),
            Why(row["reason"]),
            Score(Ending(row["ending"]), row["goals_home"], row["goals_away"]),
            row["profit"],
            row["clv"],
        )
    return Due(
        subject=subject,
        id=row["id"],
        event_id=row["slug"],
        kickoff=row["kickoff"],
        market=market,
        line=row["line"] / LINE_UNITS,
        outcome=SELECTIONS[market][row["selection"]],
        price=row["price"],
        stake=row["stake"],
        last=last,
    )


def _settled_row(one: Settlement) -> dict[str, Any]:
    """What its hash is made of, as it will be read back."""
    due, verdict = one.due, one.verdict
    return {
        "recommendation_id": due.id if due.subject is Subject.PICK else None,
        "bet_id": due.id if due.subject is Subject.BET else None,
        "status": str(verdict.result),
        "reason": str(verdict.why),
        "ending": str(verdict.score.ending),
        "goals_home": verdict.score.home,
        "goals_away": verdict.score.away,
        "profit": verdict.profit,
        "clv": verdict.clv,
        "settled_at": one.at,
    }


def _pick(row: Sequence[Any]) -> RecordedPick:
    """Of a row whose columns are in the order of its fields; years of them are read at once."""
    values = list(row)
    market = values[_MARKET] = Market(values[_MARKET])
    values[_LINE] /= LINE_UNITS
    values[_OUTCOME] = SELECTIONS[market][values[_OUTCOME]]
    return RecordedPick(*values)


_MARKET, _LINE, _OUTCOME = (
    [field.name for field in fields(RecordedPick)].index(name)
    for name in ("market", "line", "outcome")
)
