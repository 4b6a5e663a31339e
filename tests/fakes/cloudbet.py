"""A server with the paths, fields and statuses of Cloudbet's published schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from fakes.server import Asked, FakeServer, Reply

TAKEN = {
    "ACCEPTED", "PENDING_ACCEPTANCE", "WIN", "LOSS", "PUSH", "HALF_WIN", "HALF_LOSS", "PARTIAL",
}  # fmt: skip


@dataclass
class Selection:
    """What can be backed."""

    price: Decimal
    least: Decimal = Decimal("0.01")
    most: Decimal = Decimal("100.00")
    status: str = "SELECTION_ENABLED"


@dataclass
class Event:
    """A match; its selections go by market URL."""

    id: int
    home: str
    away: str
    kickoff: datetime
    competition: str
    status: str = "TRADING"
    selections: dict[str, Selection] = field(default_factory=dict)


@dataclass
class Bet:
    """What it took, or would not take."""

    asked: dict[str, Any]
    status: str
    price: str
    returned: str = "0"

    def document(self) -> dict[str, Any]:
        names = ("referenceId", "eventId", "marketUrl", "side", "currency", "stake")
        return {
            **{name: self.asked[name] for name in names},
            "price": self.price,
            "status": self.status,
            "returnAmount": self.returned,
            "eventName": "",
            "error": "",
        }


class FakeCloudbet(FakeServer):
    """Takes each reference once; ``camel`` spells market keys the other way in the feed."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.now = now
        self.key = "trading-key-never-shown"
        self.camel = False
        self.competitions = {"soccer-england-premier-league"}
        self.events: dict[str, Event] = {}
        self.balances: dict[str, Decimal] = {"PLAY_EUR": Decimal("1000.00")}
        self.bets: dict[str, Bet] = {}
        self.refuse: str | None = None  # the next bet, for a reason of the account's own
        self.undecided = False

    def taken(self) -> int:
        return sum(bet.status in TAKEN for bet in self.bets.values())

    def settle(self, reference: str, status: str, returned: str) -> None:
        bet = self.bets[reference]
        bet.status, bet.returned = status, returned
        self.balances[bet.asked["currency"]] += Decimal(returned)

    def answer(self, asked: Asked) -> Reply:  # noqa: PLR0911 - one a route
        sent = {name.lower(): value for name, value in asked.headers.items()}
        if sent.get("x-api-key") != self.key:
            return Reply.of({"status": "RESTRICTED", "error": "invalid key"}, 401)
        query = parse_qs(asked.query)
        match asked.method, asked.path.split("/")[2:]:
            case "GET", ["v2", "odds", "competitions", key] if key in self.competitions:
                listed = [e for e in self.events.values() if e.competition == key]
                return Reply.of({"key": key, "events": [self.event(e, query) for e in listed]})
            case "GET", ["v2", "odds", "events", key] if key in self.events:
                return Reply.of(self.event(self.events[key], query))
            case "GET", ["v1", "account", "currencies", name, "balance"] if name in self.balances:
                return Reply.of({"amount": str(self.balances[name])})
            case "GET", ["v3", "bets", reference, "status"] if reference in self.bets:
                return Reply.of(self.bets[reference].document())
            case "GET", ["v4", "bets", "history"]:
                start, limit = int(query["offset"][0]), int(query["limit"][0])
                newest = [bet.document() for bet in reversed(self.bets.values())]
                page = newest[start : start + limit]
                return Reply.of({"bets": page, "totalBets": str(len(newest))})
            case "POST", ["v3", "bets", "place"]:
                return self.place(asked.body)
        return Reply.of({"status": "MALFORMED_REQUEST", "error": "not found"}, 404)

    def event(self, event: Event, query: dict[str, list[str]]) -> dict[str, Any]:
        markets: dict[str, Any] = {}
        for url, selection in event.selections.items():
            (key, _, rest), line = url.partition("/"), url.partition("?")[2]
            if key not in query["markets"]:
                continue
            name = key.replace("match_odds", "matchOdds") if self.camel else key
            market = markets.setdefault(name, {"submarkets": {"period=ft": {"selections": []}}})
            market["submarkets"]["period=ft"]["selections"].append(
                {
                    "outcome": rest.partition("?")[0],
                    "params": line,
                    "price": float(selection.price),
                    "minStake": float(selection.least),
                    "maxStake": float(selection.most),
                    "probability": 0.5,
                    "status": selection.status,
                    "side": "BACK",
                }
            )
        return {
            "id": event.id,
            "sequence": "17",
            "home": {"name": event.home, "key": "h"},
            "away": {"name": event.away, "key": "a"},
            "status": event.status,
            "cutoffTime": event.kickoff.isoformat().replace("+00:00", "Z"),
            "markets": markets,
        }

    def place(self, body: bytes) -> Reply:
        asked: dict[str, Any] = json.loads(body)
        reference = asked["referenceId"]
        UUID(reference)
        if reference in self.bets:
            status = {"status": "DUPLICATE_REQUEST", "error": "reference seen before"}
            return Reply.of(status | {"referenceId": reference}, 400)
        status, price = self.judged(asked)
        bet = self.bets[reference] = Bet(asked, status, price)
        if status in TAKEN:
            self.balances[asked["currency"]] -= Decimal(asked["stake"])
        return Reply.of(bet.document())

    def judged(self, asked: dict[str, Any]) -> tuple[str, str]:
        """A status, and the price that goes with it."""
        reason, self.refuse = self.refuse, None
        wanted, stake = Decimal(asked["price"]), Decimal(asked["stake"])
        event = self.events.get(asked["eventId"])
        selection = event.selections.get(asked["marketUrl"]) if event else None
        if reason or event is None or selection is None:
            return reason or "MALFORMED_REQUEST", asked["price"]
        market = selection.price
        met = {"ALL": True, "BETTER": wanted <= market, "NONE": wanted == market}
        for holds, why in (
            (selection.status != "SELECTION_ENABLED", "MARKET_SUSPENDED"),
            (event.status != "TRADING", "MARKET_SUSPENDED"),
            (stake < selection.least, "STAKE_BELOW_MIN"),
            (stake > selection.most, "STAKE_ABOVE_MAX"),
            (stake > self.balances.get(asked["currency"], 0), "INSUFFICIENT_FUNDS"),
            (not met[asked["acceptPriceChange"]], "PRICE_ABOVE_MARKET"),
        ):
            if holds:
                return why, asked["price"]
        return ("PENDING_ACCEPTANCE" if self.undecided else "ACCEPTED"), str(market)
