"""Turn raw payloads into stored facts; each payload is one transaction with its own trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from time import perf_counter
from typing import Final

from betting_ai.domain.leagues import LEAGUES
from betting_ai.errors import FeedError
from betting_ai.features.facts import Facts
from betting_ai.ports.feeds import (
    CleaningReport,
    KnownTeams,
    NameMatch,
    Normaliser,
    Payload,
    PayloadKind,
    Resolver,
    Verdict,
)
from betting_ai.ports.object_store import RawStore
from betting_ai.ports.repositories import FactsQuery, IngestEntry, ReviewItem, StoredCounts
from betting_ai.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from betting_ai.usecases.identity import MOST_DAYS_APART, Identified, identify
from betting_ai.usecases.model_figures import of_document
from betting_ai.usecases.receipts import of_document as receipts_of

STORED: Final = "stored"
UNCHANGED: Final = "unchanged"
REFUSED: Final = "refused"

_TOLD_ANEW: Final = (PayloadKind.ODDS, PayloadKind.SCORES)
"""Kinds that tell of the same match again and again while its kick-off may move."""

_PLAYS_NOW: Final = timedelta(days=400)  # a season and its summer

Progress = Callable[[int, int, IngestEntry], None]
"""Called after each payload: how many are done, of how many, and what became of it."""


@dataclass(frozen=True)
class IngestCommand:
    """What to ingest.

    Attributes:
        payloads: in order: results before fixtures, which need the teams.
        again: read payloads again that were stored before, as after a doubt was settled; what is
            already there stays as it is.
    """

    payloads: tuple[Payload, ...]
    again: bool = False


@dataclass(frozen=True)
class IngestResult:
    """What became of the payloads.

    Attributes:
        entries: one per payload, in order.
        doubts: names that wait for review, new in these payloads.
    """

    entries: tuple[IngestEntry, ...]
    doubts: tuple[ReviewItem, ...]

    def count(self, status: str) -> int:
        """How many payloads have a status."""
        return sum(entry.status == status for entry in self.entries)


@dataclass(frozen=True)
class IngestRaw:
    """Stores the raw bytes, reads them, names the teams and stores the facts.

    The same bytes again change nothing but the log. A payload that cannot be read leaves an entry
    in the log and nothing else.
    """

    units: UnitOfWorkFactory
    raw: RawStore
    normaliser: Normaliser
    resolver: Resolver

    def __call__(self, command: IngestCommand, progress: Progress | None = None) -> IngestResult:
        """Ingest every payload; one that is refused does not stop the others."""
        entries: list[IngestEntry] = []
        doubts: dict[ReviewItem, None] = {}
        for payload in command.payloads:
            entry, doubted = self._ingest(payload, again=command.again)
            entries.append(entry)
            doubts.update(dict.fromkeys(doubted))
            if progress:
                progress(len(entries), len(command.payloads), entry)
        return IngestResult(tuple(entries), tuple(doubts))

    def _ingest(self, payload: Payload, *, again: bool) -> tuple[IngestEntry, list[ReviewItem]]:
        entry = IngestEntry(
            source=payload.source,
            name=payload.name,
            sha256=payload.sha256,
            received_at=payload.received_at,
            status=UNCHANGED,
            league=payload.league,
            season=payload.season,
        )
        with self.units() as unit:
            seen = unit.ingest_log.seen(payload.source, payload.name, entry.sha256)
            if seen and not again:
                unit.ingest_log.add(entry)
                unit.commit()
                return entry, []
            kept_before = self.raw.holds(entry.sha256)
            self.raw.put(payload.content)
            try:
                entry, doubts = self._store(payload, entry, unit)
            except FeedError as error:
                entry, doubts = replace(entry, status=REFUSED, error=str(error)), []
                if not kept_before:
                    self.raw.discard(entry.sha256)
            unit.ingest_log.add(entry)
            unit.commit()
        return entry, doubts

    def _store(
        self, payload: Payload, entry: IngestEntry, unit: UnitOfWork
    ) -> tuple[IngestEntry, list[ReviewItem]]:
        if payload.kind is PayloadKind.FIGURES:
            figures = of_document(payload.content)
            unit.models.put(figures)
            count = len(figures)
            return replace(entry, status=STORED, rows_read=count, rows_kept=count), []
        if payload.kind is PayloadKind.RECEIPTS:
            receipts = receipts_of(payload.content)
            unit.receipts.put(receipts)
            count = len(receipts)
            return replace(entry, status=STORED, rows_read=count, rows_kept=count), []
        names = _Names(payload, unit, self.resolver)
        parsed = self.normaliser.parse(payload, names)
        for doubt in names.doubts:
            unit.review.add(doubt)
        began = perf_counter()
        live = payload.kind.live and payload.snapshot_at is None
        stored, report = StoredCounts(), parsed.report
        if len(parsed.facts):
            same = _identified(parsed.facts, payload, unit)
            report = _with(report, same)
            stored = unit.facts.store(
                same.facts,
                source=payload.source,
                received_at=payload.received_at,
                reconstructed=not live,
            )
        entry = replace(
            entry,
            status=STORED,
            rows_read=report.rows_read,
            rows_kept=report.rows_kept,
            rows_repaired=report.rows_repaired,
            rows_refused=report.rows_refused,
            quotes_kept=report.quotes_kept,
            quotes_refused=report.quotes_refused,
            stored=stored,
            stages={
                **report.stages,
                "resolve": names.seconds,
                "store": perf_counter() - began,
            },
        )
        return entry, names.doubts


def _identified(facts: Facts, payload: Payload, unit: UnitOfWork) -> Identified:
    """The payload's events under the names they are known by.

    A site's own files are taken at their word among themselves.
    """
    known = unit.meetings.between(
        facts.leagues,
        int(facts.day.min()) - MOST_DAYS_APART,
        int(facts.day.max()) + MOST_DAYS_APART,
        besides=None if payload.kind in _TOLD_ANEW else payload.source,
    )
    return identify(facts, known, due=int(payload.received_at.timestamp()))


def _with(report: CleaningReport, same: Identified) -> CleaningReport:
    """The account of a payload with what became of its events' days."""
    repaired, refused = Counter(report.rows_repaired), Counter(report.rows_refused)
    repaired["other_day"] += same.moved
    refused["event_ambiguous"] += same.ambiguous
    return replace(
        report,
        rows_kept=report.rows_kept - same.ambiguous,
        rows_repaired=dict(+repaired),
        rows_refused=dict(+refused),
        quotes_kept=same.facts.quotes,
    )


class _Names:
    """Resolves one payload's names against the stored teams, and keeps the doubts."""

    def __init__(self, payload: Payload, unit: UnitOfWork, resolver: Resolver) -> None:
        self._payload = payload
        self._unit = unit
        self._resolver = resolver
        self._countries: dict[str, KnownTeams] = {}
        self._leagues: dict[str, frozenset[str]] = {}
        self.doubts: list[ReviewItem] = []
        self.seconds = 0.0

    def __call__(self, league: str, name: str) -> str | None:
        """The canonical name, or None where there is doubt."""
        began = perf_counter()
        found = self._match(league, name)
        followed = bool(self._countries[LEAGUES[league].country].country)
        if found.team is None and followed:  # a country without history is no doubt of a person's
            self.doubts.append(
                ReviewItem(
                    source=self._payload.source,
                    country=LEAGUES[league].country,
                    league=league,
                    name=name,
                    verdict=found.verdict.value,
                    candidates=found.candidates,
                )
            )
        self.seconds += perf_counter() - began
        return found.team

    def _match(self, league: str, name: str) -> NameMatch:
        country = LEAGUES[league].country
        source = self._payload.source
        if country not in self._countries:
            self._countries[country] = KnownTeams(
                country=frozenset(self._unit.teams.teams(country)),
                aliases=self._unit.teams.aliases(source, country),
            )
        known = self._countries[country]
        found = self._resolver.match(source, country, name, known)
        if found.verdict is Verdict.DOUBTFUL:  # only then is it worth asking who plays there now
            known = replace(known, league=self._plays_now(league))
            found = self._resolver.match(source, country, name, known)
        return found

    def _plays_now(self, league: str) -> frozenset[str]:
        if league not in self._leagues:
            now = self._payload.snapshot_at or self._payload.received_at
            query = FactsQuery(as_of=now, since=(now - _PLAYS_NOW).date(), leagues=(league,))
            keys = self._unit.facts.load(query).teams
            self._leagues[league] = frozenset(key.partition(":")[2] for key in keys)
        return self._leagues[league]
