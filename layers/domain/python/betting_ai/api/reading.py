"""What readers are told, as JSON-ready data: the API sends it, the dashboard draws it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from betting_ai.api.kept import Kept
from betting_ai.api.paging import cursor, instant, page, place, whole
from betting_ai.api.problems import told
from betting_ai.bootstrap import App
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import BETTING_MARKETS, Market, Outcome
from betting_ai.domain.slate import rfc3339
from betting_ai.errors import DomainError, NotFoundError
from betting_ai.models.manifest import MEMBERS, Manifest
from betting_ai.ports.bets import Session, StoredBet
from betting_ai.ports.listings import (
    BetQuery,
    EventQuery,
    ListedEvent,
    ListedPrice,
    PickQuery,
    PriceQuery,
    PublishedSlate,
)
from betting_ai.ports.record import RecordedPick
from betting_ai.ports.repositories import MemberFigures
from betting_ai.usecases.aged import aged
from betting_ai.usecases.track_record import TrackRecordCommand

_KEY: Final = 2**63 - 1
_SMALL: Final = 2**15 - 1

_SLATE_SECONDS: Final = 1.0
_SLOW_SECONDS: Final = 15.0  # what changes with ingests and trainings, not with clicks
_PLAYED: Final = timedelta(hours=3)


@dataclass(frozen=True)
class Published:
    """An answer that changes seldom.

    Attributes:
        body: JSON-ready.
        text: the same as it is sent.
        etag: names it, quotes included.
    """

    body: Mapping[str, Any]
    text: bytes
    etag: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Published:
        """Write it once for all readers."""
        text = as_json(body)
        return cls(body, text, f'"{hashlib.sha256(text).hexdigest()[:32]}"')


def as_json(body: object) -> bytes:
    """A body as it is sent."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class Reading:
    """Everything that can be read; any number of threads may.

    Args:
        app: whose database and models.
        shows: slates and picks of which mode, ``"live"`` or ``"replay"``.
    """

    def __init__(self, app: App, shows: str = "live") -> None:
        self._app = app
        self._shows = shows
        self._slates = {
            profile: Kept(partial(self._slate, profile), _SLATE_SECONDS)
            for profile in (None, "strict", "value")
        }
        self._models = Kept(self._all_models, _SLOW_SECONDS)
        self._data = Kept(self._all_data, _SLOW_SECONDS)
        self._record: tuple[object, dict[str, Any]] | None = None

    async def told_slate(self, profile: str | None = None) -> Published | None:
        """As `slate`, for an event loop: see `Kept.told`."""
        return await self._slates[profile].told()

    def slate(self, profile: str | None = None) -> Published | None:
        """The newest slate, of a profile or of any; at most a second old."""
        return self._slates[profile].get()

    def _slate(self, profile: str | None) -> Published | None:
        with self._app.units() as unit:
            found = unit.listings.slate(self._shows, profile)
        return None if found is None else Published.of(_slate(found))

    def present(self) -> datetime:
        """From when on events are to come.

        That is now; where days of the past are lived again, it is when the newest slate was made.
        """
        slate = self.slate() if self._shows == "replay" else None
        return self._app.clock.now() if slate is None else instant(slate.body["as_of"])

    def events(
        self,
        *,
        league: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> dict[str, Any]:
        """Events by kick-off with the best prices; from the present on where no time is given.

        Args:
            league: league code.
            since: kick-off not before.
            until: kick-off before.
            after: cursor.
            limit: most items.

        Raises:
            InvalidInputError: the cursor is none.
        """
        now = self._app.clock.now()
        query = EventQuery(
            since=since or self.present(),
            until=until,
            league=league,
            after=place(after, instant, whole(_KEY)),
            limit=limit + 1,
        )
        with self._app.units() as unit:
            found = unit.listings.events(query)
            items, following = page(found, limit, lambda one: cursor(one.kickoff, one.key))
            best = unit.listings.best([one.key for one in items])
        offers: dict[int, list[ListedPrice]] = {one.key: [] for one in items}
        for price in best:
            offers[price.event].append(price)
        return {
            "items": [_event(one, offers[one.key], now) for one in items],
            "next_cursor": following,
        }

    def event(self, event_id: str) -> dict[str, Any]:
        """One event with every source's last prices, the models' last words, and picks on it.

        Raises:
            NotFoundError: there is none of this name.
        """
        with self._app.units() as unit:
            found = self._found(unit.listings.event(event_id), event_id)
            best = unit.listings.best([found.key])
            latest = unit.listings.latest(found.key)
            said = unit.listings.said(found.key)
            picks = unit.listings.picks(PickQuery(self._shows, event_id=event_id))
        return _event(found, best, self._app.clock.now()) | {
            "latest_odds": _offers(latest),
            "predictions": [
                {
                    "member": one.member,
                    "probabilities": {str(o): round(p, 6) for o, p in one.probabilities.items()},
                    "as_of": rfc3339(one.as_of),
                    "model_version": one.model_version,
                }
                for one in said
            ],
            "recommendations": [pick_line(pick) for pick in picks],
        }

    def odds(
        self,
        event_id: str,
        *,
        market: Market | None = None,
        bookmaker: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> dict[str, Any]:
        """How the prices of an event moved, oldest first.

        Raises:
            NotFoundError: there is no such event.
            InvalidInputError: the cursor is none.
        """
        small = whole(_SMALL)
        start = place(after, instant, small, small, _line, small)
        with self._app.units() as unit:
            event = self._found(unit.listings.event(event_id), event_id)
            query = PriceQuery(event.key, market, bookmaker, start, limit + 1)
            found = unit.listings.prices(query)
        items, following = page(found, limit, lambda one: cursor(*one[1]))
        return {"items": [_price(price) for price, _ in items], "next_cursor": following}

    @staticmethod
    def _found(event: ListedEvent | None, event_id: str) -> ListedEvent:
        if event is None:
            raise NotFoundError(f"there is no event {event_id!r}")
        return event

    def history(
        self,
        *,
        status: str | None = None,
        league: str | None = None,
        profile: str | None = None,
        since: date | None = None,
        until: date | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> dict[str, Any]:
        """Recommendations with what became of them, newest first; replaced ones when asked for.

        Raises:
            InvalidInputError: the cursor is none.
        """
        start = place(after, whole(_KEY))
        query = PickQuery(
            mode=self._shows,
            status=status,
            league=league,
            profile=profile,
            since=since,
            until=until,
            before=start[0] if start else None,
            limit=limit + 1,
        )
        with self._app.units() as unit:
            found = unit.listings.picks(query)
        items, following = page(found, limit, lambda pick: cursor(pick.id))
        return {"items": [pick_line(pick) for pick in items], "next_cursor": following}

    def performance(
        self, *, since: date | None = None, until: date | None = None, profile: str | None = None
    ) -> dict[str, Any]:
        """What the record amounts to; see `betting_ai.usecases.track_record`."""
        command = TrackRecordCommand(since, until, profile, self._shows)
        with self._app.units() as unit:
            version = (unit.listings.record_version(), command)
        kept = self._record
        if kept is None or kept[0] != version:
            kept = (version, _plain(self._app.track_record(command)))
            self._record = kept
        return kept[1]

    def models(self) -> dict[str, Any]:
        """The models that are promoted, and how they did."""
        return self._models.get()

    def _all_models(self) -> dict[str, Any]:
        with self._app.units() as unit:
            figures = unit.models.latest(1000)
        registry, items = self._app.registry, []
        for market in BETTING_MARKETS:
            channels = registry.channels(market.name)
            for version in sorted({v for its in channels.values() for v in its}, reverse=True):
                manifest = registry.manifest(market.name, version)
                where = [name for name, its in channels.items() if version in its]
                items.append(_model(manifest, where, figures))
        return {"items": items, "next_cursor": None}

    def sessions(self) -> dict[str, Any]:
        """Sessions, the newest first."""
        with self._app.units() as unit:
            found, counts = unit.bets.sessions()[::-1], unit.listings.bet_counts()
        items = [_session(one, counts.get(one.id, 0)) for one in found]
        return {"items": items, "next_cursor": None}

    def bets(
        self,
        *,
        session_id: int | None = None,
        status: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> dict[str, Any]:
        """Bets as they stand, newest first.

        Raises:
            InvalidInputError: the cursor is none.
        """
        start = place(after, whole(_KEY))
        query = BetQuery(session_id, status, start[0] if start else None, limit + 1)
        with self._app.units() as unit:
            found = unit.listings.bets(query)
        items, following = page(found, limit, lambda bet: cursor(bet.id))
        return {"items": [bet_line(bet) for bet in items], "next_cursor": following}

    def newest_bets(self, each: int) -> list[dict[str, Any]]:
        """So many bets of each session, newest first."""
        with self._app.units() as unit:
            return [bet_line(bet) for bet in unit.listings.newest_bets(each)]

    def data(self) -> dict[str, Any]:
        """How the data are: what came when from where, and what is wrong."""
        return self._data.get()

    def _all_data(self) -> dict[str, Any]:
        now, problems = self._app.clock.now(), []
        health = self._app.database_health()
        models: list[dict[str, Any]] = []
        trained: dict[str, date] = {}
        for market in BETTING_MARKETS:
            try:
                manifest, _ = self._app.registry.choose(
                    market.name, self._app.settings.channel, now
                )
            except DomainError as error:
                problems.append(told(error))
                continue
            age = (now.date() - manifest.trained_through).days
            models.append({"market": market.name, "version": manifest.version, "age_days": age})
            trained[f"{market.name} {manifest.version}"] = manifest.trained_through
        if self._shows == "live":  # days of the past that are lived again are meant to be old
            problems += aged(trained, health.last_kickoff, now)
        return {
            "ok": not problems,
            "problems": problems,
            "database": {
                "revision": health.revision,
                "size_bytes": health.size,
                "rows": health.rows,
                "last_kickoff": _told(health.last_kickoff),
            },
            "sources": [
                {
                    "source": one.source,
                    "received_at": _told(one.received_at),
                    "age_hours": _hours(one.received_at, now),
                    "payloads": one.payloads,
                    "stored": one.stored,
                    "unchanged": one.unchanged,
                    "refused": one.refused,
                    "refused_lately": one.refused_lately,
                }
                for one in health.sources
            ],
            "feeds": {
                name: {"on": name in self._app.live_feeds} | asdict(state)
                for name, state in self._app.feed_states().items()
            },
            "models": models,
            "waiting_for_review": health.waiting,
            "refused": health.refused,
        }


def _slate(found: PublishedSlate) -> dict[str, Any]:
    return {
        "slate_id": found.id,
        "hash": found.hash,
        "mode": found.mode,
        "published_at": rfc3339(found.published_at),
        **found.payload,
    }


def _event(event: ListedEvent, best: Sequence[ListedPrice], now: datetime) -> dict[str, Any]:
    if event.ending is not None:
        status = event.ending
    elif event.kickoff > now:
        status = "scheduled"
    else:
        status = "playing" if now - event.kickoff < _PLAYED else "no_result_yet"
    league = LEAGUES[event.league]
    return {
        "event_id": event.event_id,
        "event_name": f"{event.home} vs {event.away}",
        "home": event.home,
        "away": event.away,
        "league": event.league,
        "league_name": league.name,
        "sport": league.sport,
        "kickoff": rfc3339(event.kickoff),
        "time_assumed": event.time_assumed,
        "status": status,
        "score": None
        if event.goals is None
        else dict(zip(("home", "away"), event.goals, strict=True)),
        "best_odds": [
            {
                "outcome": str(price.outcome),
                "bookmaker": price.bookmaker,
                "bookmaker_name": price.bookmaker_name,
                "odds": number(price.odds),
                "quoted_at": rfc3339(price.quoted_at),
            }
            for price in best
        ],
    }


def _price(price: ListedPrice) -> dict[str, Any]:
    return {
        "market": price.market.name.lower(),
        "line": price.line,
        "bookmaker": price.bookmaker,
        "outcome": str(price.outcome),
        "odds": number(price.odds),
        "quoted_at": rfc3339(price.quoted_at),
    }


def _offers(prices: Sequence[ListedPrice]) -> list[dict[str, Any]]:
    """Prices of one source in one market on one line."""
    found: dict[tuple[Market, float, str], dict[str, Any]] = {}
    for price in prices:
        offer = found.setdefault(
            (price.market, price.line, price.bookmaker),
            {
                "market": price.market.name.lower(),
                "line": price.line,
                "bookmaker": price.bookmaker,
                "bookmaker_name": price.bookmaker_name,
                "kind": price.kind,
                "odds": {},
                "quoted_at": rfc3339(price.quoted_at),
            },
        )
        offer["odds"][str(price.outcome)] = number(price.odds)
        offer["quoted_at"] = max(offer["quoted_at"], rfc3339(price.quoted_at))
    return list(found.values())


def pick_line(pick: RecordedPick) -> dict[str, Any]:
    """A recommendation and what became of it."""
    return {
        "recommendation_id": pick.id,
        "slate_id": pick.slate_id,
        "as_of": rfc3339(pick.as_of),
        "profile": pick.profile,
        "model_version": pick.model_version,
        "rank": pick.rank,
        "event_id": pick.event_id,
        "event_name": pick.event_name,
        "league": pick.league,
        "kickoff": rfc3339(pick.kickoff),
        "market": pick.market.name.lower(),
        "line": pick.line,
        "outcome": str(pick.outcome),
        "selection": _selection(pick.event_name, pick.market, pick.line, pick.outcome),
        "bookmaker": pick.bookmaker,
        "recommended_odds": number(pick.price),
        "recommended_stake": number(pick.stake),
        "bet_until_odds": number(pick.bet_until),
        "expires_at": rfc3339(pick.expires_at),
        "probability": round(pick.probability, 6),
        "expected_value": round(pick.ev, 6),
        "confidence_score": round(pick.confidence, 4),
        "risk_score": round(pick.risk, 6),
        "status": pick.status,
        "profit": None if pick.profit is None else number(pick.profit),
        "clv": None if pick.clv is None else round(pick.clv, 6),
        "settled_at": _told(pick.settled_at),
        "hash": pick.hash,
    }


def _selection(event_name: str, market: Market, line: float, outcome: Outcome) -> str:
    home, _, away = event_name.partition(" vs ")
    names = {Outcome.HOME: home, Outcome.AWAY: away, Outcome.DRAW: "Draw"}
    if market is Market.TOTALS:
        return f"{outcome.capitalize()} {line:g} goals"
    handicap = f" {line:+g}" if market is Market.HANDICAP else ""
    return f"{names[outcome]}{handicap}"


def bet_line(stored: StoredBet) -> dict[str, Any]:
    """A bet as it stands."""
    bet = stored.bet
    return {
        "reference": str(bet.reference),
        "session_id": bet.session_id,
        "recommendation_id": bet.recommendation_id,
        "venue": bet.venue,
        "mode": bet.mode,
        "event_id": bet.event_id,
        "event_name": stored.event_name,
        "league": stored.league,
        "kickoff": rfc3339(stored.kickoff),
        "market": bet.market.name.lower(),
        "line": bet.line,
        "outcome": str(bet.outcome),
        "selection": _selection(stored.event_name, bet.market, bet.line, bet.outcome),
        "bookmaker": bet.bookmaker,
        "odds": number(bet.price),
        "stake": number(bet.stake),
        "status": stored.status,
        "reason": stored.reason,
        "venue_reference": stored.venue_reference,
        "created_at": rfc3339(stored.created_at),
        "placed_at": _told(stored.placed_at),
        "profit": None if stored.profit is None else number(stored.profit),
        "clv": None if stored.clv is None else round(stored.clv, 6),
        "settled_at": _told(stored.settled_at),
    }


def _model(
    manifest: Manifest, channels: Sequence[str], figures: Sequence[MemberFigures]
) -> dict[str, Any]:
    name = f"{manifest.market}/{manifest.version}"
    return {
        "market": manifest.market,
        "version": manifest.version,
        "channels": list(channels),
        "trained_through": manifest.trained_through.isoformat(),
        "tuned_through": manifest.tuned_through.isoformat(),
        "may_give_picks": manifest.gate.open,
        "gate": manifest.gate.why,
        "weights": dict(zip(MEMBERS, manifest.weights, strict=True)),
        "held_out": dict(manifest.metrics),
        "performance": [
            {
                "member": one.member,
                "first_day": one.first_day.isoformat(),
                "last_day": one.last_day.isoformat(),
                "matches": one.matches,
                "log_loss": round(one.log_loss, 6),
                "market_log_loss": round(one.market_log_loss, 6),
                "brier": round(one.brier, 6),
                "calibration_error": round(one.calibration_error, 6),
            }
            for one in figures
            if one.model_version == name
        ],
    }


def _session(session: Session, bets: int) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "name": session.name,
        "mode": session.mode,
        "open": session.open,
        "currency": session.currency,
        "starting_bankroll": number(session.starting_bankroll),
        "bankroll": number(session.bankroll),
        "cash": number(session.cash),
        "at_risk": number(session.at_risk),
        "profit": number(session.bankroll - session.starting_bankroll),
        "limits": {name: _plain(value) for name, value in asdict(session.limits).items()},
        "started_at": rfc3339(session.started_at),
        "ended_at": _told(session.ended_at),
        "bets": bets,
    }


def number(amount: Decimal) -> float:
    """Money or a price as a JSON number, as short as it is exact."""
    return float(amount)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """JSON-ready: JSON has no NaN, so an unknown number is null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN is not itself
        return None
    return value.item() if hasattr(value, "item") else value


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _hours(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round((now - moment).total_seconds() / 3600, 1)


def _line(value: object) -> int:
    """Lines of handicaps may be below zero."""
    if type(value) is not int or abs(value) > _SMALL:
        raise ValueError
    return value
