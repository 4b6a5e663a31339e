"""What every venue promises, whichever it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from betting_ai.domain.markets import MATCH_RESULT, OVER_UNDER, Outcome
from betting_ai.errors import (
    InvalidInputError,
    VenueAnswerError,
    VenueOfflineError,
    VenueUnknownError,
)
from betting_ai.ports.venue import BetState, RefusalCode, VenueBet
from contract.rigs import EVERY_REFUSAL, KICKOFF, NOW, PATIENT, SLOW, RemoteRig, Rig
from fakes.server import HTML, Fault, Reply


def accepted(bet: VenueBet) -> bool:
    return bet.state is BetState.ACCEPTED and bet.refusal is None


class TestPlacing:
    def test_a_bet_is_taken_at_no_less_than_the_bet_until_price(self, rig: Rig) -> None:
        slip = rig.slip()
        bet = rig.venue.place(slip)
        assert accepted(bet)
        assert (bet.reference, bet.stake, bet.returned) == (slip.reference, slip.stake, None)
        assert bet.price is not None
        assert slip.min_price <= bet.price <= slip.price
        assert bet.venue_reference
        assert rig.venue.status(slip.reference) == bet
        assert rig.taken() == 1

    def test_the_same_reference_again_gives_what_became_of_the_first(self, rig: Rig) -> None:
        slip = rig.slip()
        first = rig.venue.place(slip)
        rig.offer("2.06")
        assert rig.venue.place(slip) == first
        assert rig.venue.place(replace(slip, stake=Decimal(20))) == first
        assert rig.taken() == 1
        assert rig.venue.balance(rig.currency) == Decimal(990)

    def test_so_does_that_of_a_bet_that_was_refused(self, rig: Rig) -> None:
        slip = rig.refusing(RefusalCode.PRICE_MOVED)
        first = rig.venue.place(slip)
        rig.offer("2.50")
        assert rig.venue.place(slip) == first
        assert rig.taken() == 0

    def test_fifty_at_once_with_one_reference_are_one_bet(self, rig: Rig) -> None:
        slip, together = rig.slip(), threading.Barrier(50)

        def place(_: int) -> VenueBet:
            together.wait()
            return rig.venue.place(slip)

        with ThreadPoolExecutor(50) as pool:
            bets = list(pool.map(place, range(50)))
        assert len(set(bets)) == 1
        assert accepted(bets[0])
        assert rig.taken() == 1
        assert rig.venue.balance(rig.currency) == Decimal(990)

    def test_a_price_between_the_two_is_taken_as_it_is(self, rig: Rig) -> None:
        rig.offer("2.07")
        bet = rig.venue.place(rig.slip())
        assert accepted(bet)
        assert bet.price is not None
        assert Decimal("2.05") <= bet.price <= Decimal("2.07")

    @pytest.mark.parametrize("price", ["2.04", "1.50", "1.01"])
    def test_a_price_below_the_bet_until_price_is_refused(self, rig: Rig, price: str) -> None:
        rig.offer(price)
        bet = rig.venue.place(rig.slip())
        assert (bet.state, bet.refusal) == (BetState.REFUSED, RefusalCode.PRICE_MOVED)
        assert (bet.price, bet.stake) == (None, None)
        assert rig.taken() == 0

    @pytest.mark.parametrize(("rig", "code"), EVERY_REFUSAL, indirect=["rig"])
    def test_a_refusal_says_why_and_costs_nothing(self, rig: Rig, code: RefusalCode) -> None:
        slip = rig.refusing(code)
        before = rig.venue.balance(rig.currency)
        bet = rig.venue.place(slip)
        assert (bet.state, bet.refusal) == (BetState.REFUSED, code)
        assert (bet.price, bet.stake, bet.returned) == (None, None, None)
        assert rig.taken() == 0
        assert rig.venue.balance(rig.currency) == before

    def test_other_markets_are_taken_too(self, rig: Rig) -> None:
        slip = rig.slip(
            market=OVER_UNDER, outcome=Outcome.OVER, price=Decimal("1.9"), min_price=Decimal("1.8")
        )
        assert accepted(rig.venue.place(slip))


class TestAsking:
    def test_a_reference_never_sent_is_missing(self, rig: Rig) -> None:
        reference = uuid4()
        assert rig.venue.status(reference) == VenueBet(reference, BetState.MISSING)
        rig.venue.place(rig.slip())
        assert rig.venue.status(reference).state is BetState.MISSING

    def test_a_refused_bet_is_not_missing(self, rig: Rig) -> None:
        slip = rig.refusing(RefusalCode.STAKE_ABOVE_MAXIMUM)
        rig.venue.place(slip)
        told = rig.venue.status(slip.reference)
        assert (told.state, told.refusal) == (BetState.REFUSED, RefusalCode.STAKE_ABOVE_MAXIMUM)

    def test_the_balance_goes_down_by_open_stakes(self, rig: Rig) -> None:
        assert rig.venue.balance(rig.currency) == Decimal(1000)
        for stake in ("10.00", "0.10", "33.33"):
            assert accepted(rig.venue.place(rig.slip(stake=Decimal(stake))))
        assert rig.venue.balance(rig.currency) == Decimal("956.57")

    def test_history_turns_pages_newest_first(self, rig: Rig) -> None:
        assert rig.venue.history().bets == ()
        assert rig.venue.history().next is None
        slips = [rig.slip(stake=Decimal(1)) for _ in range(120)]
        for slip in slips:
            rig.venue.place(slip)
        pages = list(pages_of(rig))
        assert [len(page) for page in pages] == [50, 50, 20]
        told = [bet.reference for page in pages for bet in page]
        assert told == [slip.reference for slip in reversed(slips)]
        assert all(accepted(bet) for page in pages for bet in page)

    def test_fixtures_are_those_of_a_league_and_a_span(self, rig: Rig) -> None:
        [fixture] = rig.venue.fixtures("E0", NOW, NOW + timedelta(days=1))
        assert (fixture.id, fixture.league, fixture.kickoff) == (rig.fixture_id, "E0", KICKOFF)
        assert fixture.home.startswith("Arsenal")
        assert fixture.away.startswith("Chelsea")
        assert len(rig.venue.fixtures("E0", NOW, NOW + timedelta(days=30))) == 2

    def test_prices_are_of_the_markets_that_we_know(self, rig: Rig) -> None:
        offered = [p for p in rig.venue.prices([rig.fixture_id]) if p.bookmaker in {None, "B365"}]
        prices = {(p.market.name, p.outcome): p for p in offered}
        assert set(prices) == {
            *((MATCH_RESULT.name, outcome) for outcome in MATCH_RESULT.outcomes),
            *((OVER_UNDER.name, outcome) for outcome in OVER_UNDER.outcomes),
        }
        home = prices[MATCH_RESULT.name, Outcome.HOME]
        assert home.fixture_id == rig.fixture_id
        assert home.price == Decimal("2.10")
        told = (Decimal("0.10"), Decimal(100))
        assert (home.min_stake, home.max_stake) in {told, (None, None)}
        assert home.quoted_at <= NOW
        assert prices[OVER_UNDER.name, Outcome.UNDER].price == Decimal("1.95")
        assert rig.venue.prices([]) == []


def pages_of(rig: Rig) -> Iterator[tuple[VenueBet, ...]]:
    cursor = None
    while True:
        page = rig.venue.history(cursor)
        yield page.bets
        cursor = page.next
        if cursor is None:
            return


AFTER = {
    "no answer": Fault(handled=True, hang=SLOW),
    "a dropped connection": Fault(handled=True, drop=True),
    "half an answer": Fault(handled=True, cut=True),
    "a trickle": Fault(handled=True, trickle=0.1),
    "500": Fault(Reply(500, b'{"code": "internal"}'), handled=True),
    "502 in HTML": Fault(Reply(502, HTML), handled=True),
    "503": Fault(Reply(503, b""), handled=True),
    "a redirect": Fault(Reply(302, b"", {"Location": "/elsewhere"}), handled=True),
    "garbage": Fault(Reply(200, b"\x00\xff\x80{"), handled=True),
    "HTML": Fault(Reply(200, HTML), handled=True),
    "nothing": Fault(Reply(200, b""), handled=True),
    "another shape": Fault(Reply(200, b'["accepted"]'), handled=True),
    "an unknown status": Fault(Reply(200, b'{"bet": {"status": "maybe"}, "status": "MAYBE"}'),
                               handled=True),
    "too much": Fault(handled=True, padding=200_000),
    "an acceptance that is an error": Fault(handled=True, status=500),
    "404": Fault(Reply(404, b"{}"), handled=True),
    "a compressed answer": Fault(Reply(200, b"\x1f\x8b\x08", {"Content-Encoding": "gzip"}),
                                 handled=True),
}  # fmt: skip


class TestDoubt:
    @pytest.mark.parametrize("fault", AFTER.values(), ids=AFTER)
    def test_whatever_follows_the_bet_leaves_a_doubt_that_asking_settles(
        self, remote: RemoteRig, fault: Fault
    ) -> None:
        slip = remote.slip()
        if fault.hang or fault.trickle:
            remote.hasten()
        remote.fail(fault)
        with pytest.raises(VenueUnknownError, match="never send it again") as caught:
            remote.venue.place(slip)
        assert "\n" not in str(caught.value)
        assert accepted(remote.venue.status(slip.reference))
        assert (remote.sent, remote.taken()) == (1, 1)

    @pytest.mark.parametrize("fault", AFTER.values(), ids=AFTER)
    def test_so_does_the_same_where_it_never_arrived(self, remote: RemoteRig, fault: Fault) -> None:
        slip = remote.slip()
        if fault.hang or fault.trickle:
            remote.hasten()
        remote.fail(replace(fault, handled=False, reply=fault.reply or Reply(503, b"")))
        with pytest.raises(VenueUnknownError):
            remote.venue.place(slip)
        assert remote.venue.status(slip.reference).state is BetState.MISSING
        assert (remote.sent, remote.taken()) == (1, 0)

    def test_an_answer_with_other_types_or_of_another_bet_is_none(self, remote: RemoteRig) -> None:
        slip = remote.slip()
        remote.fail(Fault(Reply(200, remote.wrong_types % str(slip.reference).encode())))
        with pytest.raises(VenueUnknownError):
            remote.venue.place(slip)
        remote.venue.place(remote.slip())
        of_another = remote.server.replies[-1]
        assert of_another.status == 200
        remote.fail(Fault(of_another, handled=True))
        with pytest.raises(VenueUnknownError, match="another bet"):
            remote.venue.place(remote.slip())
        remote.server.fail(remote.status_route, Fault(of_another))
        with pytest.raises(VenueAnswerError, match="another bet"):
            remote.venue.status(slip.reference)

    def test_a_request_that_a_proxy_sends_twice_is_one_bet(self, remote: RemoteRig) -> None:
        slip = remote.slip()
        remote.fail(Fault(handled=True, twice=True))
        assert accepted(remote.venue.place(slip))
        assert remote.taken() == 1

    def test_a_duplicate_whose_first_cannot_be_asked_about_is_a_doubt(
        self, remote: RemoteRig
    ) -> None:
        slip = remote.slip()
        remote.fail(Fault(handled=True, twice=True))
        remote.server.fail(remote.status_route, *[Fault(drop=True)] * 3)
        with pytest.raises(VenueUnknownError):
            remote.venue.place(slip)
        assert accepted(remote.venue.status(slip.reference))

    def test_a_slow_answer_is_an_answer(self, remote: RemoteRig) -> None:
        remote.fail(Fault(handled=True, hang=0.3))
        assert accepted(remote.venue.place(remote.slip()))

    def test_a_bet_not_decided_yet_is_pending_until_it_is(self, remote: RemoteRig) -> None:
        slip = remote.slip()
        remote.server.undecided = True
        bet = remote.venue.place(slip)
        assert (bet.state, bet.price, bet.stake) == (BetState.PENDING, None, None)
        its = remote.server.bets[str(slip.reference)]
        its.status = "accepted" if its.status == "pending" else "ACCEPTED"
        assert accepted(remote.venue.status(slip.reference))


class TestTrouble:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (401, RefusalCode.NOT_AUTHORISED),
            (403, RefusalCode.NOT_AUTHORISED),
            (429, RefusalCode.RATE_LIMITED),
        ],
    )
    def test_a_bet_that_is_turned_away_is_refused_and_not_sent_again(
        self, remote: RemoteRig, status: int, code: RefusalCode
    ) -> None:
        slip = remote.slip()
        remote.fail(Fault(Reply(status, b'{"code": "no"}', {"Retry-After": "0"})))
        bet = remote.venue.place(slip)
        assert (bet.state, bet.refusal) == (BetState.REFUSED, code)
        assert (remote.sent, remote.taken()) == (1, 0)

    def test_a_bet_that_cannot_leave_is_surely_not_taken(self, remote: RemoteRig) -> None:
        venue = remote.client(url=closed_port())
        with pytest.raises(VenueOfflineError, match="nothing was sent"):
            venue.place(remote.slip())
        with pytest.raises(VenueOfflineError, match="cannot be reached"):
            venue.balance(remote.currency)
        venue.close()

    @pytest.mark.parametrize(
        "faults",
        [
            [Fault(Reply(429, b"", {"Retry-After": "0"}))],
            [Fault(Reply(503, HTML)), Fault(Reply(500, b""))],
            [Fault(hang=SLOW)],
            [Fault(drop=True), Fault(cut=True, reply=Reply(200, b"{}"))],
        ],
        ids=["429", "503 and 500", "no answer", "dropped and cut"],
    )
    def test_questions_are_asked_again(self, remote: RemoteRig, faults: list[Fault]) -> None:
        if faults[0].hang:
            remote.hasten()
        remote.server.fail("GET ", *faults)
        assert remote.venue.balance(remote.currency) == Decimal(1000)
        assert len(remote.server.requests) == len(faults) + 1

    def test_but_not_for_ever(self, remote: RemoteRig) -> None:
        remote.server.fail("GET ", *[Fault(Reply(503, b""))] * 9)
        with pytest.raises(VenueOfflineError, match="answered 503"):
            remote.venue.history()
        assert len(remote.server.requests) == PATIENT.attempts

    def test_a_venue_that_wants_to_be_left_alone_is(self, remote: RemoteRig) -> None:
        remote.server.fail("GET ", Fault(Reply(429, b"", {"Retry-After": "3600"})))
        with pytest.raises(VenueOfflineError, match="left alone for 3600 s"):
            remote.venue.balance(remote.currency)
        assert len(remote.server.requests) == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_question_that_is_turned_away_is_not_asked_again(
        self, remote: RemoteRig, status: int
    ) -> None:
        remote.server.fail("GET ", Fault(Reply(status, HTML)))
        with pytest.raises(VenueOfflineError, match="check its key"):
            remote.venue.balance(remote.currency)
        assert len(remote.server.requests) == 1

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, b"\x00\xff{"),
            Reply(200, HTML),
            Reply(200, b""),
            Reply(200, b"[]"),
            Reply(200, b'{"events": 3, "odds": 3, "bets": {}, "amount": {}, "available": []}'),
            Reply(200, b'{"amount": "NaN", "available": "1e", "bet": null, "bets": [7]}'),
            Reply(301, b"", {"Location": "/elsewhere"}),
            Reply(418, b"{}"),
            Reply(404, HTML),
        ],
        ids=lambda reply: f"{reply.status} {reply.body[:12]!r}",
    )
    def test_what_cannot_be_understood_is_said_to_be_so(
        self, remote: RemoteRig, reply: Reply
    ) -> None:
        venue = remote.venue
        questions = [
            lambda: venue.balance(remote.currency),
            lambda: venue.status(uuid4()),
            lambda: venue.prices([remote.fixture_id]),
            venue.history,
        ]
        for question in questions:
            remote.server.fail("GET ", Fault(reply))
            with pytest.raises(VenueAnswerError) as caught:
                question()
            assert "\n" not in str(caught.value)
        assert len(remote.server.requests) == len(questions)

    def test_no_connection_is_used_twice(self, remote: RemoteRig) -> None:
        # One that the venue closes between two bets would make a doubt of the second.
        for _ in range(3):
            remote.venue.place(remote.slip())
        assert (remote.sent, remote.server.connections) == (3, 3)

    def test_proxies_of_the_environment_are_not_told(
        self, remote: RemoteRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, closed_port())
        venue = remote.client()
        assert venue.balance(remote.currency) == Decimal(1000)
        venue.close()

    def test_more_than_can_be_an_answer_is_not_read(self, remote: RemoteRig) -> None:
        remote.server.fail("GET ", Fault(handled=True, padding=200_000))
        with pytest.raises(VenueAnswerError, match="more than can be an answer"):
            remote.venue.balance(remote.currency)

    def test_redirects_are_not_followed(self, remote: RemoteRig) -> None:
        away = {"Location": f"{remote.server.url}/elsewhere"}
        remote.server.fail("GET ", Fault(Reply(302, b"", away)))
        remote.fail(Fault(Reply(307, b"", away)))
        with pytest.raises(VenueAnswerError, match="answered 302"):
            remote.venue.balance(remote.currency)
        with pytest.raises(VenueUnknownError):
            remote.venue.place(remote.slip())
        assert len(remote.server.requests) == 2


def test_a_cursor_of_another_venue_is_refused(rig: Rig) -> None:
    if rig.venue.name == "stake":
        return  # its cursors are its own affair
    with pytest.raises(InvalidInputError, match="no page"):
        rig.venue.history("b1-2")


def closed_port() -> str:
    """An address where nobody listens."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
