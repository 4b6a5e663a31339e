"""The signed API: its document is what client and server agree on, and its secret stays one."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from betting_ai.adapters.venues.stake import StakeKey, StakeVenue, signature
from betting_ai.domain.markets import TENNIS_WINNER, BettingMarket, Market, Outcome
from betting_ai.errors import DomainError, InvalidInputError, VenueOfflineError, VenueUnknownError
from betting_ai.ports.venue import BetState, RefusalCode
from contract.rigs import NOW, Hands, StakeRig
from fakes.server import Fault, Reply
from fakes.stake import Line

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "venues" / "stake.md").read_text()
VECTORS = json.loads(DOCUMENT.partition("```json")[2].partition("```")[0])
SECRET = re.search(r"secret `([^`]+)`", DOCUMENT)[1]  # type: ignore[index]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['method']} {v['path']}")
def test_the_published_vectors_hold(vector: dict[str, str]) -> None:
    told, body = vector["signature"], vector["body"].encode()
    request = {name: vector[name] for name in ("method", "path", "query", "timestamp", "nonce")}
    assert signature(SECRET, **request, body=body) == told


def test_what_is_sent_is_what_the_document_shows(stake: StakeRig) -> None:
    slip = stake.slip()
    stake.venue.place(slip)
    [asked] = stake.server.requests
    shown = json.loads(next(v["body"] for v in VECTORS if v["method"] == "POST"))
    assert json.loads(asked.body) == shown | {"reference": str(slip.reference)}


@pytest.mark.parametrize("part", range(6))
def test_every_part_is_signed(part: int) -> None:
    parts = ["POST", "/v1/bets", "a=1", "1741942800", "0" * 32, "{}"]
    whole = signature(SECRET, *parts[:5], body=parts[5].encode())
    parts[part] += "x"
    assert signature(SECRET, *parts[:5], body=parts[5].encode()) != whole


def test_a_wrong_secret_is_turned_away(stake: StakeRig) -> None:
    stranger = stake.client(secret="another")  # noqa: S106
    with pytest.raises(VenueOfflineError, match="check its key"):
        stranger.balance("EUR")
    assert stranger.place(stake.slip()).refusal is RefusalCode.NOT_AUTHORISED
    stranger.close()


@pytest.mark.parametrize(("seconds", "late"), [(30, False), (31, True), (-30, False), (-31, True)])
def test_a_clock_may_be_off_by_half_a_minute(stake: StakeRig, seconds: int, *, late: bool) -> None:
    stake.clock.instant = NOW + timedelta(seconds=seconds)
    if late:
        with pytest.raises(VenueOfflineError, match="and the clock"):
            stake.venue.balance("EUR")
    else:
        assert stake.venue.balance("EUR") == Decimal(1000)


def test_a_nonce_is_used_once(stake: StakeRig) -> None:
    copied = stake.client(nonce=lambda: "7" * 32)
    assert copied.balance("EUR") == Decimal(1000)
    with pytest.raises(VenueOfflineError):
        copied.balance("EUR")
    copied.close()
    for _ in range(5):
        stake.venue.balance("EUR")
    assert len(stake.server.nonces) == 6


def test_questions_asked_again_are_signed_anew(stake: StakeRig) -> None:
    stake.server.fail("GET ", Fault(Reply(503, b""), handled=True))
    assert stake.venue.balance("EUR") == Decimal(1000)


def test_a_used_nonce_on_a_bet_is_not_taken_for_a_refusal(stake: StakeRig) -> None:
    slip = stake.slip()
    used = stake.client(nonce=lambda: "7" * 32)
    used.place(slip)
    with pytest.raises(VenueUnknownError):  # the question has that nonce too
        used.place(slip)
    used.close()
    assert stake.venue.status(slip.reference).state is BetState.ACCEPTED


def test_a_reference_that_the_venue_had_and_never_had_is_a_doubt(stake: StakeRig) -> None:
    stake.fail(Fault(Reply.of({"code": "reference_used"}, 409)))
    with pytest.raises(VenueUnknownError, match="never had it"):
        stake.venue.place(stake.slip())


@pytest.mark.parametrize("code", ["forbidden", "rate_limited"])
def test_an_account_can_be_shut_out(stake: StakeRig, code: str) -> None:
    stake.server.forbidden.add("key-one")
    assert stake.venue.place(stake.slip()).refusal is RefusalCode.NOT_AUTHORISED
    with pytest.raises(VenueOfflineError):
        stake.venue.history()


def test_a_malformed_bet_is_refused_as_such(stake: StakeRig) -> None:
    stake.fail(Fault(Reply.of({"code": "malformed", "message": "see the document"}, 400)))
    assert stake.venue.place(stake.slip()).refusal is RefusalCode.MALFORMED


@pytest.mark.parametrize(
    ("status", "returned"),
    [
        ("won", "21.00"),
        ("lost", "0"),
        ("void", "10.00"),
        ("half_won", "15.50"),
        ("half_lost", "5.00"),
        ("partial", "12.34"),
    ],
)
def test_settlements_come_through(stake: StakeRig, status: str, returned: str) -> None:
    slip = stake.slip()
    stake.venue.place(slip)
    stake.server.settle(str(slip.reference), status, returned)
    for bet in (stake.venue.status(slip.reference), stake.venue.history().bets[0]):
        assert (bet.state, bet.returned) == (BetState(status), Decimal(returned))
        assert (bet.price, bet.stake) == (Decimal("2.10"), Decimal("10.00"))


def test_transactions_add_up_to_the_balance(stake: StakeRig) -> None:
    slips = [stake.slip(stake=Decimal("1.01")) for _ in range(60)]
    for slip in slips:
        stake.venue.place(slip)
    stake.server.settle(str(slips[0].reference), "won", "2.12")
    page = stake.venue.transactions()
    rest = stake.venue.transactions(page.next)
    moved = page.transactions + rest.transactions
    assert (len(moved), rest.next) == (61, None)
    assert moved[0].kind == "payout"
    assert moved[0].reference == slips[0].reference
    assert moved[0].at == NOW
    assert 1000 + sum(t.amount for t in moved) == stake.venue.balance("EUR")


def test_a_handicap_is_the_home_sides(stake: StakeRig) -> None:
    market = BettingMarket("h", Market.HANDICAP, -0.5, (Outcome.HOME, Outcome.AWAY))
    slip = stake.slip(
        market=market, outcome=Outcome.AWAY, price=Decimal("1.8"), min_price=Decimal("1.8")
    )
    assert stake.venue.place(slip).price == Decimal("1.80")


def test_markets_are_those_of_the_sport(stake: StakeRig) -> None:
    for selection, sport in (("home", "tennis"), ("draw", "tennis"), ("away", "chess")):
        place = "ev-3", "match_result", "0", selection
        stake.server.book.lines[place] = Line(Decimal("1.50"), sport=sport)
    [price] = stake.venue.prices(["ev-3"])
    assert (price.market, price.outcome) == (TENNIS_WINNER, Outcome.HOME)


def test_a_currency_that_is_not_held_is_empty(stake: StakeRig) -> None:
    assert stake.venue.balance("USD") == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://bookmaker.example",
        "http://127.0.0.1.example",
        "http://127.0.0.1@bookmaker.example",
        "https://",
        "https://name:word@bookmaker.example",
        "https://bookmaker.example/?key=1",
        "https://bookmaker.example:port",
        "ftp://127.0.0.1",
        "bookmaker.example",
        "",
        "https://[::1",
    ],
)
def test_secrets_only_go_where_they_are_safe(url: str) -> None:
    key = StakeKey(SecretStr("k"), SecretStr("s"))
    with pytest.raises(InvalidInputError, match="stake_url must be https://host") as caught:
        StakeVenue(url, key, clock=Hands())
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://bookmaker.example/api", "http://[::1]:8080", "http://localhost:1/"]
)
def test_such_places_are_fine(url: str) -> None:
    StakeVenue(url, StakeKey(SecretStr("k"), SecretStr("s")), clock=Hands()).close()


@pytest.mark.parametrize("bad", ["", "with space", "line\nfeed", "pound£"])
def test_a_key_that_is_none_is_not_quoted(bad: str) -> None:
    for key in (
        StakeKey(SecretStr(bad), SecretStr("s")),
        StakeKey(SecretStr("k"), SecretStr(bad)),
    ):
        with pytest.raises(InvalidInputError) as caught:
            StakeVenue("https://bookmaker.example", key, clock=Hands())
        assert not bad or bad not in str(caught.value)


def test_the_path_of_the_address_is_signed_too(stake: StakeRig) -> None:
    below = stake.client(url=f"{stake.server.url}/api/")
    with pytest.raises(DomainError):  # the fake has nothing there, but knows who asked
        below.balance("EUR")
    below.close()
    [asked] = stake.server.requests
    assert asked.path == "/api/v1/balance"
    assert stake.server.nonces


def test_key_and_secret_are_never_shown(stake: StakeRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(stake.venue), str(vars(stake.venue)), repr(vars(stake.venue._calls))]
    told.append(repr(StakeKey(SecretStr("key-one"), SecretStr("secret-one-never-shown"))))
    calls: list[Callable[[], object]] = [
        lambda: stake.venue.place(stake.slip()),
        lambda: stake.venue.balance("EUR"),
        stake.venue.history,
    ]
    for status in (200, 400, 401, 403, 404, 409, 429, 500):
        echo = json.dumps({"code": "key-one secret-one-never-shown"}).encode()
        for call in calls:
            stake.server.fail("", Fault(Reply(status, echo)))
            try:
                told.append(repr(call()))
            except DomainError as error:
                told.append(repr(error) + repr(error.__cause__))
    for fault in (Fault(drop=True), Fault(cut=True, handled=True)):
        stake.fail(fault)
        with pytest.raises(VenueUnknownError) as caught:
            stake.venue.place(stake.slip())
        told.append(repr(caught.value) + repr(caught.value.__cause__))
    shown = "\n".join([*told, caplog.text])
    assert "secret-one-never-shown" not in shown
    signatures = [asked.headers["X-Stake-Signature"] for asked in stake.server.requests]
    assert not any(signature in shown for signature in signatures)
