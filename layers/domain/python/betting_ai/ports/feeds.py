"""Where payloads come from, and what becomes of their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from betting_ai.features.facts import Facts


class PayloadKind(StrEnum):
    """What a payload holds; each kind has its own columns and rules."""

    SEASON = "season"  # one division, one season: prices before and at kick-off, results
    FIXTURES = "fixtures"  # coming matches with current prices
    EXTRA = "extra"  # one country or league, all seasons: one snapshot of prices and results
    ODDS = "odds"  # coming matches with prices as they are now
    SCORES = "scores"  # matches of the last days with their scores
    FIGURES = "figures"  # how well a model predicted, from where it was judged
    RECEIPTS = "receipts"  # what became of the wallet's transfers

    @property
    def live(self) -> bool:
        """Whether it tells of now, unlike a file that tells of the past."""
        return self in (PayloadKind.FIXTURES, PayloadKind.ODDS, PayloadKind.SCORES)


@dataclass(frozen=True)
class Payload:
    """Bytes as a feed gave them.

    Attributes:
        source: feed name.
        name: file or resource name, as a person would name it.
        kind: what the bytes hold.
        content: the bytes, unchanged.
        received_at: when they came, UTC.
        league: league code, for kinds that hold one league.
        season: year in which the season began, for kinds that hold one season.
        snapshot_at: when the content was taken, for a snapshot kept from another day.
    """

    source: str
    name: str
    kind: PayloadKind
    content: bytes = field(repr=False)
    received_at: datetime
    league: str | None = None
    season: int | None = None
    snapshot_at: datetime | None = None

    @property
    def sha256(self) -> str:
        """Digest of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class CleaningReport:
    """What became of a payload's rows and quotes; every row read is kept or refused.

    Attributes:
        name: the payload's name.
        rows_read: rows that were not blank.
        rows_kept: rows that gave an event.
        rows_repaired: kept after a repair, by reason.
        rows_refused: not kept, by reason.
        quotes_kept: complete quotes.
        quotes_refused: quotes of kept rows that were there but cannot be used, by reason.
        stages: seconds per stage (read, clean, normalise).
    """

    name: str
    rows_read: int = 0
    rows_kept: int = 0
    rows_repaired: dict[str, int] = field(default_factory=dict)
    rows_refused: dict[str, int] = field(default_factory=dict)
    quotes_kept: int = 0
    quotes_refused: dict[str, int] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Parsed:
    """A payload's facts in canonical order, and the account of what was left out."""

    facts: Facts
    report: CleaningReport


@dataclass(frozen=True)
class FeedRequest:
    """What to fetch.

    Attributes:
        leagues: league codes; None for all that the feed has.
        seasons: years in which seasons began; None for all that the feed has.
        fixtures: also the coming matches.
        extra: also the countries' all-season files.
        results: also the latest scores, from feeds that tell them apart from prices.
        until: only matches that kick off before this instant, from feeds that can choose.
    """

    leagues: tuple[str, ...] | None = None
    seasons: tuple[int, ...] | None = None
    fixtures: bool = False
    extra: bool = False
    results: bool = False
    until: datetime | None = None


@dataclass(frozen=True)
class Fetched:
    """What a feed gave.

    Attributes:
        payloads: what it has of the request.
        not_published: what it does not have yet, by name.
        failed: what it has but could not give, one line each.
    """

    payloads: tuple[Payload, ...]
    not_published: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class Feed(Protocol):
    """A source of payloads."""

    @property
    def name(self) -> str:
        """The feed's name, as stored with what came from it."""
        ...

    def fetch(self, request: FeedRequest) -> Fetched:
        """What the feed has of the request.

        Raises:
            FeedOfflineError: the feed cannot be reached.
            NothingToDoError: the feed can never have what was asked.
        """
        ...


class Verdict(StrEnum):
    """How sure a match of names is."""

    RESOLVED = "resolved"
    DOUBTFUL = "doubtful"
    REFUSED = "refused"


@dataclass(frozen=True)
class NameMatch:
    """What a source's name means.

    Attributes:
        verdict: only a resolved name has a team.
        team: canonical name, when resolved.
        candidates: canonical names with scores 0-100, best first, when in doubt.
    """

    verdict: Verdict
    team: str | None = None
    candidates: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class KnownTeams:
    """What a name is matched against.

    Attributes:
        country: canonical names of every team of the country.
        league: canonical names of the teams that play in the league now; a subset.
        aliases: the source's own name -> canonical name, as settled before.
    """

    country: Collection[str]
    league: Collection[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


class Resolver(Protocol):
    """Finds the team that a source means; never guesses."""

    def match(self, source: str, country: str, name: str, known: KnownTeams) -> NameMatch:
        """The team, or the doubt."""
        ...


NameResolver = Callable[[str, str], str | None]
"""(league code, name in the source) -> canonical team name, or None where there is doubt."""


class Normaliser(Protocol):
    """Turns a feed's bytes into facts."""

    def parse(self, payload: Payload, resolve: NameResolver) -> Parsed:
        """The payload's facts; rows with a name that ``resolve`` doubts are refused and counted.

        Raises:
            FeedError: the bytes are not what they should be.
        """
        ...
