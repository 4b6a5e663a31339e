"""Cloudbet: what its words mean, and what it is sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from betting_ai.adapters.venues.cloudbet import REFUSALS, STATES, CloudbetVenue
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER, BettingMarket, Market, Outcome
from betting_ai.errors import (
    DomainError,
    InvalidInputError,
    VenueAnswerError,
    VenueOfflineError,
    VenueUnknownError,
)
from betting_ai.ports.venue import BetState, RefusalCode
from contract.rigs import NOW, CloudbetRig, Hands
from fakes.server import Fault, Reply

PUBLISHED = {
    "INTERNAL_SERVER_ERROR", "DUPLICATE_REQUEST", "MALFORMED_REQUEST", "PRICE_ABOVE_MARKET",
    "INSUFFICIENT_FUNDS", "STAKE_ABOVE_MAX", "STAKE_BELOW_MIN", "LIABILITY_LIMIT_EXCEEDED",
    "MARKET_SUSPENDED", "ACCEPTED", "PENDING_ACCEPTANCE", "RESTRICTED", "VERIFICATION_REQUIRED",
    "WIN", "LOSS", "PUSH", "HALF_WIN", "HALF_LOSS", "PARTIAL",
}  # fmt: skip
"""Every status of its response schema."""


def handicap(line: float) -> BettingMarket:
    return BettingMarket("handicap", Market.HANDICAP, line, (Outcome.HOME, Outcome.AWAY))


def test_every_published_status_has_a_meaning() -> None:
    doubts = {"DUPLICATE_REQUEST", "INTERNAL_SERVER_ERROR"}
    assert {*STATES, *REFUSALS, *doubts} == PUBLISHED
    assert not set(STATES) & set(REFUSALS)
    assert len(set(STATES.values())) == len(STATES)
    assert len(set(REFUSALS.values())) == len(REFUSALS)


@pytest.mark.parametrize("status", sorted(PUBLISHED))
@pytest.mark.parametrize("http", [200, 400])
def test_every_status_of_a_bet_that_is_sent(cloudbet: CloudbetRig, status: str, http: int) -> None:
    slip = cloudbet.slip()
    document = {
        "referenceId": str(slip.reference), "status": status, "price": "2.1", "stake": "10",
        "returnAmount": "21", "error": "",
    }  # fmt: skip
    cloudbet.fail(Fault(Reply.of(document, http)))
    if status in {"DUPLICATE_REQUEST", "INTERNAL_SERVER_ERROR"}:
        with pytest.raises(VenueUnknownError):
            cloudbet.venue.place(slip)
        return
    bet = cloudbet.venue.place(slip)
    assert bet.state is STATES.get(status, BetState.REFUSED)
    assert bet.refusal is REFUSALS.get(status)
    settled = bet.state not in {BetState.ACCEPTED, BetState.PENDING, BetState.REFUSED}
    assert bet.returned == (Decimal(21) if settled else None)


@pytest.mark.parametrize("status", sorted(PUBLISHED))
def test_every_status_of_a_bet_that_is_asked_about(cloudbet: CloudbetRig, status: str) -> None:
    slip = cloudbet.slip()
    cloudbet.venue.place(slip)
    cloudbet.server.settle(str(slip.reference), status, "12.34")
    if status in {"DUPLICATE_REQUEST", "INTERNAL_SERVER_ERROR"}:
        for question in (lambda: cloudbet.venue.status(slip.reference), cloudbet.venue.history):
            with pytest.raises(VenueAnswerError, match=status):
                question()
        return
    bet = cloudbet.venue.status(slip.reference)
    assert bet.state is STATES.get(status, BetState.REFUSED)
    assert cloudbet.venue.history().bets == (bet,)


@pytest.mark.parametrize(
    ("document", "http", "code"),
    [
        ({"status": "RESTRICTED", "error": "country"}, 403, RefusalCode.RESTRICTED),
        ({"status": "VERIFICATION_REQUIRED", "error": ""}, 403, RefusalCode.VERIFICATION_REQUIRED),
        ({"error": "invalid key"}, 401, RefusalCode.NOT_AUTHORISED),
        ({"status": "MALFORMED_REQUEST", "error": "stake"}, 400, RefusalCode.MALFORMED),
    ],
)
def test_an_error_document_refuses(
    cloudbet: CloudbetRig, document: dict[str, str], http: int, code: RefusalCode
) -> None:
    cloudbet.fail(Fault(Reply.of(document, http)))
    assert cloudbet.venue.place(cloudbet.slip()).refusal is code


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"error": "what went wrong is nobody's business"},
        {"status": "ACCEPTED"},
        {"status": "ACCEPTED", "referenceId": str(UUID(int=7)), "price": "2.1", "stake": "10"},
        {"status": "REFUSED_BY_NEW_RULE"},
    ],
    ids=str,
)
def test_what_says_nothing_of_this_bet_leaves_a_doubt(
    cloudbet: CloudbetRig, document: dict[str, str]
) -> None:
    cloudbet.fail(Fault(Reply.of(document)))
    with pytest.raises(VenueUnknownError):
        cloudbet.venue.place(cloudbet.slip())


def test_an_acceptance_without_a_price_is_a_doubt(cloudbet: CloudbetRig) -> None:
    slip = cloudbet.slip()
    document = {"referenceId": str(slip.reference), "status": "ACCEPTED", "price": "", "stake": ""}
    cloudbet.fail(Fault(Reply.of(document), handled=True))
    with pytest.raises(VenueUnknownError, match="which price and stake"):
        cloudbet.venue.place(slip)
    assert cloudbet.venue.status(slip.reference).state is BetState.ACCEPTED


def test_the_bet_until_price_is_sent_and_better_ones_are_taken(cloudbet: CloudbetRig) -> None:
    cloudbet.offer("2.35")
    bet = cloudbet.venue.place(cloudbet.slip())
    assert bet.price == Decimal("2.35")
    [asked] = cloudbet.server.requests
    sent = json.loads(asked.body)
    assert sent == {
        "referenceId": str(bet.reference),
        "eventId": "4711",
        "marketUrl": "soccer.match_odds/home",
        "price": "2.05",
        "stake": "10.00",
        "currency": "PLAY_EUR",
        "side": "BACK",
        "acceptPriceChange": "BETTER",
    }


@pytest.mark.parametrize(
    ("market", "outcome", "url"),
    [
        (MATCH_RESULT, Outcome.DRAW, "soccer.match_odds/draw"),
        (OVER_UNDER, Outcome.UNDER, "soccer.total_goals/under?total=2.5"),
        (handicap(-0.5), Outcome.HOME, "soccer.asian_handicap/home?handicap=-0.5"),
        # The home side's line, which counts inverted on the away side.
        (handicap(-0.5), Outcome.AWAY, "soccer.asian_handicap/away?handicap=-0.5"),
        (handicap(1.0), Outcome.AWAY, "soccer.asian_handicap/away?handicap=1"),
        (handicap(-0.0), Outcome.HOME, "soccer.asian_handicap/home?handicap=0"),
        (handicap(0.25), Outcome.HOME, "soccer.asian_handicap/home?handicap=0.25"),
    ],
)
def test_market_urls(
    cloudbet: CloudbetRig, market: BettingMarket, outcome: Outcome, url: str
) -> None:
    cloudbet.venue.place(cloudbet.slip(market=market, outcome=outcome))
    [asked] = cloudbet.server.requests
    assert json.loads(asked.body)["marketUrl"] == url


def test_what_it_does_not_have_is_not_sent(cloudbet: CloudbetRig) -> None:
    assert cloudbet.venue.place(cloudbet.unoffered()).refusal is RefusalCode.NOT_OFFERED
    assert cloudbet.server.requests == []


@pytest.mark.parametrize("camel", [False, True])
def test_both_spellings_of_a_market_are_read(cloudbet: CloudbetRig, *, camel: bool) -> None:
    cloudbet.server.camel = camel
    prices = cloudbet.venue.prices(["4711", "4712"])
    assert sum(p.market is MATCH_RESULT for p in prices) == 6
    assert {p.quoted_at for p in prices} == {NOW}
    assert {(p.min_stake, p.max_stake) for p in prices} == {(None, None)}  # it says so in euro


def test_what_cannot_be_backed_is_no_price(cloudbet: CloudbetRig) -> None:
    cloudbet.home.status = "SELECTION_DISABLED"
    assert len(cloudbet.venue.prices(["4711"])) == 4
    cloudbet.server.events["4711"].status = "TRADING_LIVE"
    assert cloudbet.venue.prices(["4711"]) == []
    assert len(cloudbet.venue.fixtures("E0", NOW, NOW + timedelta(days=9))) == 1


def test_fields_at_their_default_may_be_left_out(cloudbet: CloudbetRig) -> None:
    selection = {"outcome": "home", "price": 2.1, "status": "SELECTION_ENABLED"}
    event = {
        "id": 4711,
        "status": "TRADING",
        "cutoffTime": "2025-03-15T15:00:00Z",
        "markets": {
            "soccer.match_odds": {"submarkets": {"period=ft": {"selections": [selection]}}},
            "soccer.totals_of_tomorrow": {"submarkets": {}},
            "soccer.total_goals": {"submarkets": {"period=1h": {"selections": [selection]}}},
        },
    }
    cloudbet.server.fail("GET ", Fault(Reply.of(event)))
    [price] = cloudbet.venue.prices(["4711"])
    assert (price.outcome, price.price) == (Outcome.HOME, Decimal("2.1"))
    del event["markets"]
    cloudbet.server.fail("GET ", Fault(Reply.of({"events": [event]})))
    assert cloudbet.venue.fixtures("E0", NOW, NOW + timedelta(days=1)) == []  # without names


def test_a_total_without_its_line_cannot_be_understood(cloudbet: CloudbetRig) -> None:
    selection = {"outcome": "over", "params": "total=many", "price": 2.1}
    event = {
        "id": 4711,
        "status": "TRADING",
        "cutoffTime": "2025-03-15T15:00:00Z",
        "markets": {
            "soccer.total_goals": {"submarkets": {"period=ft": {"selections": [selection]}}}
        },
    }
    cloudbet.server.fail("GET ", Fault(Reply.of(event)))
    with pytest.raises(VenueAnswerError, match="no total"):
        cloudbet.venue.prices(["4711"])


def test_leagues_without_a_known_key_are_said_to_be_so(cloudbet: CloudbetRig) -> None:
    with pytest.raises(InvalidInputError, match="league CHN"):
        cloudbet.venue.fixtures("CHN", NOW, NOW)


def test_known_keys_are_of_leagues_that_there_are() -> None:
    from betting_ai.adapters.venues.cloudbet import COMPETITIONS

    assert set(COMPETITIONS) <= set(LEAGUES)
    assert len(set(COMPETITIONS.values())) == len(COMPETITIONS)


def test_a_404_of_some_gateway_is_not_taken_for_missing(cloudbet: CloudbetRig) -> None:
    cloudbet.server.fail(cloudbet.status_route, Fault(Reply.of({"message": "no route"}, 404)))
    with pytest.raises(VenueAnswerError):
        cloudbet.venue.status(uuid4())


def test_currencies_are_quoted_in_the_path(cloudbet: CloudbetRig) -> None:
    with pytest.raises(VenueAnswerError):
        cloudbet.venue.balance("../v3/bets")
    [asked] = cloudbet.server.requests
    assert asked.path == "/pub/v1/account/currencies/..%2Fv3%2Fbets/balance"


def test_a_wrong_key_is_turned_away(cloudbet: CloudbetRig) -> None:
    stranger = cloudbet.client(key="another")
    with pytest.raises(VenueOfflineError, match="check its key"):
        stranger.balance("PLAY_EUR")
    assert stranger.place(cloudbet.slip()).refusal is RefusalCode.RESTRICTED
    stranger.close()


def test_the_key_is_never_shown(cloudbet: CloudbetRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(cloudbet.venue), str(vars(cloudbet.venue)), repr(vars(cloudbet.venue._calls))]
    calls: list[Callable[[], object]] = [
        lambda: cloudbet.venue.place(cloudbet.slip()),
        lambda: cloudbet.venue.balance("PLAY_EUR"),
        lambda: cloudbet.venue.status(uuid4()),
    ]
    for status in (200, 400, 401, 403, 404, 429, 500):
        for call in calls:
            cloudbet.server.fail("", Fault(Reply.of({"amount": "trading-key-never-shown"}, status)))
            try:
                told.append(repr(call()))
            except DomainError as error:
                told.append(repr(error) + repr(error.__cause__))
    cloudbet.fail(Fault(drop=True))
    with pytest.raises(VenueUnknownError) as caught:
        cloudbet.venue.place(cloudbet.slip())
    told.append(repr(caught.value))
    assert all(asked.headers["X-API-Key"] for asked in cloudbet.server.requests)
    assert "trading-key-never-shown" not in "\n".join([*told, caplog.text])
    with pytest.raises(InvalidInputError) as refused:
        CloudbetVenue("https://api.example", SecretStr("a key\n"), clock=Hands())
    assert "a key" not in str(refused.value)
