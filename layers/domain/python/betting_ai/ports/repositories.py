"""Where facts and records are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import Slate
from betting_ai.features.facts import Facts


@dataclass(frozen=True)
class FactsQuery:
    """Which facts to load.

    Attributes:
        as_of: nothing known later is returned: later quotes are left out, later results come back
            as unknown. Facts from live feeds must also have been received by then; those
            stamped ``reconstructed`` (season files) need only have stood by then.
        since: only events on or after this date (their own date); None for all.
        kickoff_before: only events that kick off before this instant; None for all.
        leagues: league codes; None for all.
        events: slugs; None for all.
    """

    as_of: datetime
    since: date | None = None
    kickoff_before: datetime | None = None
    leagues: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None


@dataclass(frozen=True)
class StoredCounts:
    """What storing changed; every number is of rows that were new, unless it says otherwise.

    Attributes:
        events: new events.
        results: new results.
        prices: new price points.
        known: rows that were there already, equal.
        conflicting: rows that were there already with another value; the first stays.
        moved: kick-offs that a feed of coming matches told anew before they were due.
    """

    events: int = 0
    results: int = 0
    prices: int = 0
    known: int = 0
    conflicting: int = 0
    moved: int = 0


class KnownFacts(Protocol):
    """Events, prices and results, to be read."""

    def load(self, query: FactsQuery) -> Facts:
        """The facts that were known at ``query.as_of``, in canonical order."""
        ...

    def seasons(self, through: date) -> dict[tuple[str, int], frozenset[str]]:
        """Which seasons have finished matches up to a day, and what they came from.

        Returns:
            (league code, season) -> SHA-256 of every payload that gave it matches.
        """
        ...


class FactsRepository(KnownFacts, Protocol):
    """Events, prices and results; append-only."""

    def store(
        self, facts: Facts, *, source: str, received_at: datetime, reconstructed: bool
    ) -> StoredCounts:
        """Add what is new, in bulk; storing the same facts again changes nothing.

        Of a result that is there already, counts that are missing are added. A kick-off that is not
        reconstructed replaces one that was not yet due.
        """
        ...


@dataclass(frozen=True)
class Taken:
    """What is recommended, or bet, on an event already.

    Attributes:
        outcome: the selection.
        kickoff: aware instant.
        stake: money at risk.
        bet: it is a bet, which no slate can replace.
    """

    outcome: Outcome
    kickoff: datetime
    stake: Decimal
    bet: bool = False


@dataclass(frozen=True)
class Meeting:
    """Two teams that meet on a day.

    Attributes:
        league: league code.
        home: key of the home team, ``"ENG:Arsenal"``.
        away: key of the away team.
        day: days since the epoch of the match's own date.
        kickoff: seconds since the epoch, as planned.
    """

    league: str
    home: str
    away: str
    day: int
    kickoff: int


class MeetingRepository(Protocol):
    """Who meets when, whichever source told of it."""

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
        ...


class SlateRepository(Protocol):
    """Published slates; append-only."""

    def taken(self, as_of: datetime, mode: str) -> dict[str, Taken]:
        """What stood before ``as_of``, of slates of a mode and of all bets: event slug -> what.

        A question that is asked again, for the same instant, so has the same answer.
        """
        ...

    def add(self, slate: Slate, predictions: Sequence[Prediction], mode: str) -> None:
        """Publish a slate with the predictions behind it; the same slate changes nothing.

        A pick on an event that a standing recommendation is on replaces that one.

        Args:
            slate: its events are stored.
            predictions: of stored events; those with NaN are answers that were not given.
            mode: ``"live"`` or ``"replay"``.
        """
        ...


@dataclass(frozen=True)
class Prediction:
    """What one member said of one event.

    Attributes:
        event_id: the event's slug.
        member: name of the member, or ``"ensemble"``, ``"pick_price"``, ``"market"``.
        probabilities: home, draw, away.
    """

    event_id: str
    member: str
    probabilities: tuple[float, float, float]


@dataclass(frozen=True)
class IngestEntry:
    """One payload's way through a feed, with counts of what became of its rows.

    Attributes:
        source: feed name.
        name: file or resource name, as a person would name it.
        sha256: of the raw bytes.
        received_at: when the bytes came.
        status: ``"stored"``, ``"unchanged"`` or ``"refused"``.
        rows_read: data rows seen.
        rows_kept: rows that gave an event.
        rows_repaired: kept after a repair, by reason.
        rows_refused: not kept, by reason.
        quotes_kept: complete quotes.
        quotes_refused: quotes not kept, by reason.
        stored: what the database gained.
        stages: seconds and counts per stage (read, clean, resolve, normalise, store).
        error: the one clear line, when refused.
        league: league code, for payloads of one league.
        season: year in which the season began, for payloads of one season.
    """

    source: str
    name: str
    sha256: str
    received_at: datetime
    status: str
    rows_read: int = 0
    rows_kept: int = 0
    rows_repaired: dict[str, int] = field(default_factory=dict)
    rows_refused: dict[str, int] = field(default_factory=dict)
    quotes_kept: int = 0
    quotes_refused: dict[str, int] = field(default_factory=dict)
    stored: StoredCounts = field(default_factory=StoredCounts)
    stages: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    league: str | None = None
    season: int | None = None


@dataclass(frozen=True)
class Stored:
    """What has been stored so far.

    Attributes:
        mark: changes whenever a payload is stored.
        received_at: when the last of them was received; None without any.
    """

    mark: int
    received_at: datetime | None


class IngestLog(Protocol):
    """The trail of every payload."""

    def seen(self, source: str, name: str, sha256: str) -> bool:
        """Whether these very bytes were stored before, under this name, from this source."""
        ...

    def add(self, entry: IngestEntry) -> None:
        """Append one entry."""
        ...

    def recent(self, limit: int = 100) -> list[IngestEntry]:
        """The newest entries, newest first."""
        ...

    def stored(self) -> Stored:
        """What has been stored so far, in a word."""
        ...


class TeamRepository(Protocol):
    """Canonical teams and the names that sources use for them."""

    def teams(self, country: str) -> list[str]:
        """Canonical names of a country's teams, sorted."""
        ...

    def aliases(self, source: str, country: str) -> dict[str, str]:
        """The source's own name -> canonical name, for the names a person or a rule has settled."""
        ...

    def add_alias(self, source: str, country: str, alias: str, team: str) -> None:
        """Settle one name; the team must exist."""
        ...


@dataclass(frozen=True)
class ReviewItem:
    """A name that could not be matched without doubt.

    Attributes:
        source: feed name.
        country: country code of the league.
        league: league code where it was seen.
        name: what the source says.
        verdict: ``"doubtful"`` or ``"refused"``.
        candidates: canonical names with scores 0-100, best first.
    """

    source: str
    country: str
    league: str
    name: str
    verdict: str
    candidates: tuple[tuple[str, float], ...] = ()


class ReviewQueue(Protocol):
    """Doubts that wait for a person."""

    def add(self, item: ReviewItem) -> None:
        """Queue a doubt; the same doubt is queued once."""
        ...

    def open(self) -> list[ReviewItem]:
        """What waits, oldest first."""
        ...

    def resolve(self, item: ReviewItem, team: str) -> None:
        """Settle a doubt: adds the alias and closes the item."""
        ...


@dataclass(frozen=True)
class MemberFigures:
    """How well one member of one model predicted the matches of one window.

    Attributes:
        model_version: such as ``"match_result/2025-06-30"``.
        member: a member, or ``"ensemble"``, ``"pick_price"``.
        channel: which channel the model was in.
        first_day: of the matches.
        last_day: of the matches.
        matches: how many.
        log_loss: mean, nats.
        market_log_loss: of the consensus on the same matches.
        brier: mean.
        calibration_error: 20 bins pooled.
        metrics: anything else, JSON-ready.
    """

    model_version: str
    member: str
    channel: str
    first_day: date
    last_day: date
    matches: int
    log_loss: float
    market_log_loss: float
    brier: float
    calibration_error: float
    metrics: dict[str, Any]


class ModelRecord(Protocol):
    """How models did, window by window."""

    def put(self, figures: Sequence[MemberFigures]) -> None:
        """Keep figures; those of the same model, member and window replace the earlier ones."""
        ...

    def latest(self, limit: int = 100) -> list[MemberFigures]:
        """The newest windows first."""
        ...


@dataclass(frozen=True)
class TransferReceipt:
    """What became of a transfer of the wallet.

    Attributes:
        intent_id: what asked for it.
        version: of what is told; a higher one takes the place of a lower.
        chain_id: the chain's.
        tx_hash: of the attempt that was mined, else of the newest.
        nonce: of all attempts.
        sender: who paid.
        recipient: who was paid.
        contract: of the token; None for the chain's own coin.
        units: smallest units.
        state: ``"final"``, ``"failed"``, ``"replaced"`` or ``"expired"``.
        reason: why it is not final.
        attempts: how many were signed.
        block_number: of the block it is in; None, as what follows, where it is in none.
        block_hash: of that block.
        gas_used: gas.
        fee: wei that were paid.
        asked_at: when it was asked for.
    """

    intent_id: str
    version: int
    chain_id: int
    tx_hash: str
    nonce: int
    sender: str
    recipient: str
    contract: str | None
    units: int
    state: str
    reason: str | None
    attempts: int
    block_number: int | None
    block_hash: str | None
    gas_used: int | None
    fee: int | None
    asked_at: datetime


class ReceiptRecord(Protocol):
    """What became of the wallet's transfers."""

    def put(self, receipts: Sequence[TransferReceipt]) -> None:
        """Keep receipts, each in the place of what was told of its intent before."""
        ...

    def latest(self, limit: int = 100) -> list[TransferReceipt]:
        """Those that were asked for last, first."""
        ...
