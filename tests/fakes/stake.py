"""A server of the wire format of ``docs/venues/stake.md``, written from that document alone."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from fakes.server import Asked, FakeServer, Reply

WINDOW = 30
PAGE = 50


@dataclass
class Bet:
    """What it took, or would not take."""

    id: str
    asked: dict[str, str]
    status: str
    price: str | None = None
    reason: str | None = None
    returned: str | None = None

    def document(self) -> dict[str, Any]:
        taken = self.status not in {"refused", "pending"}
        return {
            "reference": self.asked["reference"],
            "id": self.id,
            "status": self.status,
            "price": self.price if taken else None,
            "stake": self.asked["stake"] if taken else None,
            "returned": self.returned,
            "reason": self.reason,
        }


@dataclass
class Line:
    """A selection on offer."""

    price: Decimal
    least: Decimal = Decimal("0.10")
    most: Decimal = Decimal("100.00")
    open: bool = True
    sport: str = "football"


@dataclass
class Book:
    """What it offers."""

    events: list[dict[str, str]] = field(default_factory=list)
    lines: dict[tuple[str, str, str, str], Line] = field(default_factory=dict)


class FakeStake(FakeServer):
    """Takes each reference once; its clock is whatever ``now`` says."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.now = now
        self.secrets = {"key-one": "secret-one-never-shown"}
        self.forbidden: set[str] = set()
        self.nonces: set[str] = set()
        self.book = Book()
        self.balances: dict[str, Decimal] = {"EUR": Decimal("1000.00")}
        self.bets: dict[str, Bet] = {}
        self.transactions: list[dict[str, Any]] = []
        self.refuse: str | None = None  # the next bet, for a reason of the account's own
        self.undecided = False

    def taken(self) -> int:
        return sum(bet.status != "refused" for bet in self.bets.values())

    def settle(self, reference: str, status: str, returned: str) -> None:
        bet = self.bets[reference]
        bet.status, bet.returned = status, returned
        self.move("payout", Decimal(returned), bet.asked["currency"], reference)

    def move(self, kind: str, amount: Decimal, currency: str, reference: str) -> None:
        self.balances[currency] += amount
        self.transactions.append(
            {
                "id": f"t{len(self.transactions) + 1}",
                "kind": kind,
                "amount": str(amount),
                "currency": currency,
                "reference": reference,
                "at": self.now().isoformat(),
            }
        )

    def answer(self, asked: Asked) -> Reply:  # noqa: PLR0911 - one a route
        if refusal := self.turned_away(asked):
            return Reply.of({"code": refusal[1], "message": "turned away"}, refusal[0])
        query = parse_qs(asked.query)
        match asked.method, asked.path.split("/")[1:]:
            case "GET", ["v1", "events"]:
                return self.events(query)
            case "GET", ["v1", "odds"]:
                return self.odds(query)
            case "GET", ["v1", "balance"]:
                currency = query["currency"][0]
                available = self.balances.get(currency, Decimal("0.00"))
                return Reply.of({"currency": currency, "available": str(available)})
            case "GET", ["v1", "bets"]:
                return self.page("bets", [b.document() for b in self.bets.values()], query)
            case "GET", ["v1", "transactions"]:
                return self.page("transactions", self.transactions, query)
            case "GET", ["v1", "bets", reference]:
                if reference in self.bets:
                    return Reply.of({"bet": self.bets[reference].document()})
                return Reply.of({"code": "unknown_reference", "message": "never had it"}, 404)
            case "POST", ["v1", "bets"]:
                return self.place(asked.body)
        return Reply.of({"code": "unknown_path", "message": asked.path}, 404)

    def turned_away(self, asked: Asked) -> tuple[int, str] | None:
        sent = {name.lower(): value for name, value in asked.headers.items()}
        key, nonce = sent.get("x-stake-key", ""), sent.get("x-stake-nonce", "")
        stamp, signed = sent.get("x-stake-timestamp", ""), sent.get("x-stake-signature", "")
        if key not in self.secrets:
            return 401, "unknown_key"
        lines = [asked.method, asked.path, asked.query, stamp, nonce]
        lines.append(hashlib.sha256(asked.body).hexdigest())
        text = "\n".join(lines)
        wanted = hmac.new(self.secrets[key].encode(), text.encode(), "sha256").hexdigest()
        if not hmac.compare_digest(wanted, signed):
            return 401, "bad_signature"
        if not stamp.isdigit() or abs(self.now().timestamp() - int(stamp)) > WINDOW:
            return 401, "clock_skew"
        if not nonce or nonce in self.nonces:
            return 401, "nonce_used"
        self.nonces.add(nonce)
        return (403, "forbidden") if key in self.forbidden else None

    def events(self, query: dict[str, list[str]]) -> Reply:
        first, last = (datetime.fromisoformat(query[name][0]) for name in ("from", "to"))
        return Reply.of(
            {
                "events": [
                    event
                    for event in self.book.events
                    if event["league"] == query["league"][0]
                    and first <= datetime.fromisoformat(event["kickoff"]) <= last
                ]
            }
        )

    def odds(self, query: dict[str, list[str]]) -> Reply:
        return Reply.of(
            {
                "odds": [
                    {
                        "event": event,
                        "sport": offer.sport,
                        "market": market,
                        "line": line,
                        "selection": selection,
                        "price": str(offer.price),
                        "min_stake": str(offer.least),
                        "max_stake": str(offer.most),
                        "quoted_at": self.now().isoformat(),
                    }
                    for (event, market, line, selection), offer in self.book.lines.items()
                    if event in query["event"] and offer.open
                ]
            }
        )

    def page(self, name: str, rows: list[dict[str, Any]], query: dict[str, list[str]]) -> Reply:
        """Newest first; the cursor is where the page before ended."""
        end = int(query["cursor"][0]) if "cursor" in query else len(rows)
        start = max(end - PAGE, 0)
        return Reply.of({name: rows[start:end][::-1], "next": str(start) if start else None})

    def place(self, body: bytes) -> Reply:
        asked: dict[str, str] = json.loads(body)
        wanted = {"reference", "event", "market", "line", "selection", "price", "min_price"}
        if set(asked) != wanted | {"stake", "currency"} or not all(
            isinstance(value, str) for value in asked.values()
        ):
            return Reply.of({"code": "malformed", "message": "see the document"}, 400)
        if first := self.bets.get(asked["reference"]):
            if first.asked != asked:
                return Reply.of({"code": "reference_used", "message": "by another bet"}, 409)
            return Reply.of({"bet": first.document()})
        bet = Bet(f"b{len(self.bets) + 1}", asked, "accepted")
        bet.reason, bet.price = self.judged(asked)
        if bet.reason:
            bet.status = "refused"
        else:
            bet.status = "pending" if self.undecided else "accepted"
            self.move("stake", -Decimal(asked["stake"]), asked["currency"], asked["reference"])
        self.bets[asked["reference"]] = bet
        return Reply.of({"bet": bet.document()})

    def judged(self, asked: dict[str, str]) -> tuple[str | None, str | None]:
        """Why it does not take a bet, or the price it does."""
        reason, self.refuse = self.refuse, None
        if reason:
            return reason, None
        place = asked["event"], asked["market"], asked["line"], asked["selection"]
        line, stake = self.book.lines.get(place), Decimal(asked["stake"])
        if line is None:
            return "not_offered", None
        for holds, why in (
            (not line.open, "market_suspended"),
            (stake < line.least, "stake_below_minimum"),
            (stake > line.most, "stake_above_maximum"),
            (stake > self.balances.get(asked["currency"], 0), "insufficient_funds"),
            (line.price < Decimal(asked["min_price"]), "price_moved"),
        ):
            if holds:
                return why, None
        return None, str(line.price)
