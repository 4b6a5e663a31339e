"""Teams, the ingest log, the review queue and the models' record in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection, RowMapping

from betting_ai.adapters.sql.tables import (
    Event,
    IngestLogEntry,
    League,
    ModelPerformance,
    ReviewDoubt,
    SettledTransfer,
    Team,
    TeamAlias,
)
from betting_ai.errors import InvalidInputError
from betting_ai.ports.repositories import (
    IngestEntry,
    Meeting,
    MemberFigures,
    ReviewItem,
    Stored,
    StoredCounts,
    TransferReceipt,
)

_EPOCH: Final = date(1970, 1, 1)
_TOGETHER: Final = 100  # no more payloads are ever stored at the same time


class SqlTeamRepository:
    """`betting_ai.ports.repositories.TeamRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def teams(self, country: str) -> list[str]:
        """Canonical names of a country's teams, sorted."""
        names = sa.select(Team.c.name).where(Team.c.country == country)
        return sorted(self._connection.scalars(names))

    def aliases(self, source: str, country: str) -> dict[str, str]:
        """The source's own name -> canonical name, for the names a person or a rule has settled."""
        settled = (
            sa.select(TeamAlias.c.alias, Team.c.name)
            .join(Team, Team.c.id == TeamAlias.c.team_id)
            .where(TeamAlias.c.source == source, TeamAlias.c.country == country)
        )
        return dict(self._connection.execute(settled).all())

    def add_alias(self, source: str, country: str, alias: str, team: str) -> None:
        """Settle one name, or settle it anew.

        Raises:
            InvalidInputError: the country has no such team.
        """
        add_alias(self._connection, source, country, alias, team)


class SqlMeetingRepository:
    """`betting_ai.ports.repositories.MeetingRepository` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def between(
        self, leagues: Sequence[str], first: int, last: int, besides: str | None = None
    ) -> list[Meeting]:
        """The meetings of some leagues from one day to another.

        Args:
            leagues: league codes.
            first: days since the epoch.
            last: the same, included.
            besides: leave out what this source was the first to tell.
        """
        home, away = Team.alias(), Team.alias()
        from_day, to_day = (_EPOCH + timedelta(days=day) for day in (first, last))
        known = (
            sa.select(
                League.c.code,
                home.c.country + ":" + home.c.name,
                away.c.country + ":" + away.c.name,
                Event.c.day,
                Event.c.kickoff,
            )
            .join(League, League.c.id == Event.c.league_id)
            .join(home, home.c.id == Event.c.home_id)
            .join(away, away.c.id == Event.c.away_id)
            .where(
                League.c.code.in_(leagues),
                Event.c.day.between(from_day, to_day),
                # Says nothing new, but an index leads there.
                Event.c.kickoff.between(from_day - timedelta(days=2), to_day + timedelta(days=3)),
            )
        )
        if besides is not None:
            known = known.where(Event.c.source != besides)
        return [
            Meeting(league, host, guest, (day - _EPOCH).days, int(kickoff.timestamp()))
            for league, host, guest, day, kickoff in self._connection.execute(known)
        ]


class SqlIngestLog:
    """`betting_ai.ports.repositories.IngestLog` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, source: str, name: str, sha256: str) -> bool:
        """Whether these very bytes were stored before, under this name, from this source.

        Bytes of which nothing could be kept are worth another look: their teams may be known now.
        """
        same = sa.exists().where(
            IngestLogEntry.c.source == source,
            IngestLogEntry.c.name == name,
            IngestLogEntry.c.sha256 == sha256,
            IngestLogEntry.c.status == "stored",
            IngestLogEntry.c.rows_kept > 0,
        )
        return bool(self._connection.scalar(sa.select(same)))

    def add(self, entry: IngestEntry) -> None:
        """Append one entry."""
        self._connection.execute(sa.insert(IngestLogEntry).values(asdict(entry)))

    def recent(self, limit: int = 100) -> list[IngestEntry]:
        """The newest entries, newest first."""
        columns = [c for c in IngestLogEntry.columns if c.name != "id"]
        newest = sa.select(*columns).order_by(IngestLogEntry.c.id.desc()).limit(limit)
        return [_entry(row) for row in self._connection.execute(newest).mappings()]

    def stored(self) -> Stored:
        """What has been stored so far, in a word.

        Payloads that are stored at the same time get their numbers before others can see them, so
        the highest number alone would not tell of one that ends late.
        """
        log = IngestLogEntry
        newest = (
            sa.select(log.c.id)
            .where(log.c.status == "stored")
            .order_by(log.c.id.desc())
            .limit(_TOGETHER)
            .subquery()
        )
        received = (
            sa.select(log.c.received_at)
            .where(log.c.status == "stored")
            .order_by(log.c.received_at.desc())
            .limit(1)
        )
        mark = sa.select(sa.func.coalesce(sa.func.sum(newest.c.id), 0)).scalar_subquery()
        row = self._connection.execute(sa.select(mark, received.scalar_subquery())).one()
        return Stored(int(row[0]), row[1])


class SqlReviewQueue:
    """`betting_ai.ports.repositories.ReviewQueue` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, item: ReviewItem) -> None:
        """Queue a doubt; the same name of the same source is queued once."""
        queued = insert(ReviewDoubt).values(asdict(item)).on_conflict_do_nothing()
        self._connection.execute(queued)

    def open(self) -> list[ReviewItem]:
        """What waits, oldest first."""
        waiting = (
            sa.select(
                ReviewDoubt.c.source,
                ReviewDoubt.c.country,
                ReviewDoubt.c.league,
                ReviewDoubt.c.name,
                ReviewDoubt.c.verdict,
                ReviewDoubt.c.candidates,
            )
            .where(ReviewDoubt.c.resolved_at.is_(None))
            .order_by(ReviewDoubt.c.id)
        )
        return [_item(row) for row in self._connection.execute(waiting).mappings()]

    def resolve(self, item: ReviewItem, team: str) -> None:
        """Settle a doubt: adds the alias and closes the item.

        Raises:
            InvalidInputError: the country has no such team, or the doubt is not open.
        """
        team_id = add_alias(self._connection, item.source, item.country, item.name, team)
        closed = self._connection.execute(
            sa.update(ReviewDoubt)
            .where(
                ReviewDoubt.c.source == item.source,
                ReviewDoubt.c.country == item.country,
                ReviewDoubt.c.name == item.name,
                ReviewDoubt.c.resolved_at.is_(None),
            )
            .values(team_id=team_id, resolved_at=sa.func.now())
        )
        if closed.rowcount == 0:
            raise InvalidInputError(f"No doubt about {item.name!r} of {item.source} is open")


class SqlModelRecord:
    """`betting_ai.ports.repositories.ModelRecord` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, figures: Sequence[MemberFigures]) -> None:
        """Keep figures; those of the same model, member and window replace the earlier ones."""
        for one in figures:
            values = asdict(one)
            kept = insert(ModelPerformance).values(values)
            window = ("model_version", "member", "first_day", "last_day")
            newer = {name: value for name, value in values.items() if name not in window}
            self._connection.execute(
                kept.on_conflict_do_update(
                    index_elements=window, set_=newer | {"computed_at": sa.func.now()}
                )
            )

    def latest(self, limit: int = 100) -> list[MemberFigures]:
        """The newest windows first."""
        table = ModelPerformance
        columns = [table.c[f.name] for f in fields(MemberFigures)]
        newest = (
            sa.select(*columns)
            .order_by(table.c.last_day.desc(), table.c.model_version, table.c.member)
            .limit(limit)
        )
        return [MemberFigures(**row) for row in self._connection.execute(newest).mappings()]


class SqlReceiptRecord:
    """`betting_ai.ports.repositories.ReceiptRecord` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, receipts: Sequence[TransferReceipt]) -> None:
        """Keep receipts, each in the place of what was told of its intent before."""
        for one in receipts:
            values = asdict(one)
            kept = insert(SettledTransfer).values(values)
            self._connection.execute(
                kept.on_conflict_do_update(
                    index_elements=["intent_id"],
                    set_=values | {"recorded_at": sa.func.now()},
                    where=SettledTransfer.c.version < one.version,
                )
            )

    def latest(self, limit: int = 100) -> list[TransferReceipt]:
        """Those that were asked for last, first."""
        table = SettledTransfer
        columns = [table.c[f.name] for f in fields(TransferReceipt)]
        newest = (
            sa.select(*columns).order_by(table.c.asked_at.desc(), table.c.id.desc()).limit(limit)
        )
        return [
            TransferReceipt(
                **row
                | {
                    "units": int(row["units"]),
                    "fee": None if row["fee"] is None else int(row["fee"]),
                }
            )
            for row in map(dict, self._connection.execute(newest).mappings())
        ]


def add_alias(connection: Connection, source: str, country: str, alias: str, team: str) -> int:
    """Settle that a source means a team by a name; gives the team's key.

    Raises:
        InvalidInputError: the country has no such team.
    """
    which = sa.select(Team.c.id).where(Team.c.country == country, Team.c.name == team)
    team_id: int | None = connection.scalar(which)
    if team_id is None:
        raise InvalidInputError(f"No team {team!r} is known in {country}")
    settled = insert(TeamAlias).values(source=source, country=country, alias=alias, team_id=team_id)
    connection.execute(
        settled.on_conflict_do_update(
            index_elements=["source", "country", "alias"], set_={"team_id": team_id}
        )
    )
    return team_id


def _entry(row: RowMapping) -> IngestEntry:
    fields: dict[str, Any] = dict(row)
    return IngestEntry(**{**fields, "stored": StoredCounts(**fields["stored"])})


def _item(row: RowMapping) -> ReviewItem:
    fields: dict[str, Any] = dict(row)
    candidates = tuple((str(name), float(score)) for name, score in fields["candidates"])
    return ReviewItem(**{**fields, "candidates": candidates})
