"""Paper: harder than live, and as durable."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.venues.paper import PaperRules, PaperVenue
from betting_ai.adapters.venues.stored_offers import StoredOffers
from betting_ai.domain.markets import OVER_UNDER, Outcome
from betting_ai.errors import VenueOfflineError, VenueUnknownError
from betting_ai.ports.venue import BetState, RefusalCode
from contract.rigs import KICKOFF, NOW, PaperRig

AT_COMMIT = """
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM {what}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON paper_bets DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION at_commit()
"""
PLACE_MANY = """
import sys
from dataclasses import replace
from uuid import uuid4
from contract.rigs import PaperRig

class Rig(PaperRig):
    def __init__(self, url):
        from betting_ai.adapters.sql.engine import connect
        from contract.rigs import Hands
        self.engine, self.clock = connect(url), Hands()
        self.made()

rig = Rig(sys.argv[1])
for _ in range(500):
    slip = rig.slip()
    print("before", slip.reference, flush=True)
    rig.venue.place(slip)
    print("after", slip.reference, flush=True)
"""


def run(paper: PaperRig, sql: str) -> None:
    with paper.engine.begin() as connection:
        for statement in sql.split(";\n"):
            connection.exec_driver_sql(statement)


def placing(paper: PaperRig) -> subprocess.Popen[str]:
    """Another process that places one bet after the other."""
    tests = str(__file__).rpartition("/contract/")[0]
    return subprocess.Popen(
        [sys.executable, "-c", PLACE_MANY, paper.url],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": tests},
    )


class TestPrice:
    def test_it_moves_against_the_bettor(self, paper: PaperRig) -> None:
        assert paper.venue.place(paper.slip()).price == Decimal("2.0958")  # 2.10 less 0.2 %
        paper.made(drift=Decimal("0.02"))
        assert paper.venue.place(paper.slip()).price == Decimal("2.058")
        assert paper.made(drift=Decimal("0.03")).place(paper.slip()).refusal is (
            RefusalCode.PRICE_MOVED
        )

    def test_it_is_never_better_than_asked_for(self, paper: PaperRig) -> None:
        paper.offer("2.50")
        assert paper.venue.place(paper.slip()).price == Decimal("2.10")

    def test_a_pick_without_room_is_lost_to_the_drift(self, paper: PaperRig) -> None:
        bet = paper.venue.place(paper.slip(min_price=Decimal("2.10")))
        assert bet.refusal is RefusalCode.PRICE_MOVED

    def test_the_newest_one_counts_that_is_known_by_then(self, paper: PaperRig) -> None:
        paper.offer("2.08", NOW - timedelta(hours=1))
        paper.offer("1.50", NOW + timedelta(seconds=6))
        assert paper.venue.place(paper.slip()).price == Decimal("2.0758")
        paper.made(delay=timedelta(seconds=6))
        assert paper.venue.place(paper.slip()).refusal is RefusalCode.PRICE_MOVED

    def test_one_that_was_received_later_is_not_seen(self, paper: PaperRig) -> None:
        paper.offer("2.08", NOW - timedelta(hours=1))
        run(
            paper,
            "SET LOCAL betting_ai.maintenance = 'on';\n"
            "UPDATE odds SET received_at = '2025-03-15 10:00Z' WHERE price = 2.08",
        )
        assert paper.venue.place(paper.slip()).price == Decimal("2.0958")

    def test_nor_is_a_later_one_of_a_season_file(self, paper: PaperRig) -> None:
        paper.offer("2.08", NOW - timedelta(hours=1), reconstructed=True)
        paper.offer("1.50", KICKOFF, reconstructed=True)  # its closing price
        assert paper.venue.place(paper.slip()).price == Decimal("2.0758")

    def test_an_exchange_keeps_its_commission(self, paper: PaperRig) -> None:
        bet = paper.venue.place(paper.slip(bookmaker="BFE"))
        assert bet.price == (Decimal("2.083") * Decimal("0.998")).quantize(Decimal("0.0001"))

    @pytest.mark.parametrize("book", ["MAX", "AVG", "PS"])
    def test_summaries_and_books_without_a_price_are_not_offered(
        self, paper: PaperRig, book: str
    ) -> None:
        bet = paper.venue.place(paper.slip(bookmaker=book))
        assert bet.refusal is RefusalCode.NOT_OFFERED

    def test_a_line_that_is_not_quoted_is_not_offered(self, paper: PaperRig) -> None:
        slip = paper.slip(market=OVER_UNDER, outcome=Outcome.OVER, bookmaker="BFE")
        assert paper.venue.place(slip).refusal is RefusalCode.NOT_OFFERED

    def test_a_stale_one_is_suspended(self, paper: PaperRig) -> None:
        # Quoted 14 hours before.
        paper.made(oldest=timedelta(hours=14, seconds=4))
        assert paper.venue.place(paper.slip()).refusal is RefusalCode.MARKET_SUSPENDED
        assert paper.venue.prices([paper.fixture_id]) != []
        paper.made(oldest=timedelta(hours=14, seconds=5))
        assert paper.venue.place(paper.slip()).state is BetState.ACCEPTED

    def test_a_live_one_is_stale_within_the_hour(self, paper: PaperRig) -> None:
        paper.offer("2.08", NOW - timedelta(minutes=60), live=True)
        assert paper.venue.place(paper.slip()).refusal is RefusalCode.MARKET_SUSPENDED
        paper.offer("2.08", NOW - timedelta(minutes=59), live=True)
        assert paper.venue.place(paper.slip()).state is BetState.ACCEPTED

    def test_nothing_is_offered_once_a_match_has_begun(self, paper: PaperRig) -> None:
        paper.clock.instant = KICKOFF
        assert paper.venue.prices([paper.fixture_id]) == []

    def test_every_book_is_shown_net_of_commission(self, paper: PaperRig) -> None:
        paper.offer("2.60", bookmaker="BFE")
        shown = paper.venue.prices([paper.fixture_id])
        prices = {(p.bookmaker, p.outcome): p.price for p in shown}
        assert prices["B365", Outcome.HOME] == Decimal("2.10")
        assert prices["BFE", Outcome.HOME] == Decimal("2.52")
        assert {bookmaker for bookmaker, _ in prices} == {"B365", "BFE"}


class TestRules:
    def test_rejects_come_as_often_as_set_and_always_to_the_same(self) -> None:
        references = [UUID(int=n) for n in range(10_000)]
        rules = PaperRules(rejects=0.02)
        rejected = [rules.rejected(reference) for reference in references]
        assert 160 <= sum(rejected) <= 240
        assert rejected == [rules.rejected(reference) for reference in references]
        assert rejected != [PaperRules(seed=1).rejected(reference) for reference in references]
        assert not any(PaperRules(rejects=0.0).rejected(r) for r in references)

    def test_books_have_limits_of_their_own(self, paper: PaperRig) -> None:
        paper.made(stakes={"B365": (Decimal(5), Decimal(8)), "*": (Decimal(1), Decimal(50))})
        assert paper.venue.place(paper.slip()).refusal is RefusalCode.STAKE_ABOVE_MAXIMUM
        assert paper.venue.place(paper.slip(stake=Decimal(4))).refusal is (
            RefusalCode.STAKE_BELOW_MINIMUM
        )
        elsewhere = paper.slip(bookmaker="BFE", min_price=Decimal(2))
        assert paper.venue.place(elsewhere).state is BetState.ACCEPTED

    @pytest.mark.parametrize(
        "wrong",
        [
            {"stake": Decimal(0)},
            {"stake": Decimal(-1)},
            {"stake": Decimal("1.005")},
            {"min_price": Decimal(1)},
            {"min_price": Decimal("2.2")},
        ],
        ids=str,
    )
    def test_a_slip_that_makes_no_sense_is_malformed(
        self, paper: PaperRig, wrong: dict[str, Decimal]
    ) -> None:
        assert paper.venue.place(paper.slip(**wrong)).refusal is RefusalCode.MALFORMED

    def test_stakes_come_back_when_the_match_is_over(self, paper: PaperRig) -> None:
        paper.venue.place(paper.slip())
        paper.clock.instant = KICKOFF + timedelta(hours=2, minutes=59)
        assert paper.venue.balance("units") == Decimal(990)
        paper.clock.instant = KICKOFF + timedelta(hours=3)
        assert paper.venue.balance("units") == Decimal(1000)
        assert paper.venue.balance("EUR") == Decimal(1000)

    def test_many_at_once_do_not_bet_more_than_there_is(self, paper: PaperRig) -> None:
        paper.made(bankroll=Decimal(55))
        slips = [paper.slip() for _ in range(20)]
        with ThreadPoolExecutor(20) as pool:
            bets = list(pool.map(paper.venue.place, slips))
        assert sum(bet.state is BetState.ACCEPTED for bet in bets) == 5
        assert {bet.refusal for bet in bets} == {None, RefusalCode.INSUFFICIENT_FUNDS}
        assert paper.venue.balance("units") == Decimal(5)


class TestRecord:
    def test_what_was_taken_survives_whoever_placed_it(self, paper: PaperRig) -> None:
        with placing(paper) as process:
            assert process.stdout
            lines = [process.stdout.readline().split() for _ in range(41)]
            process.send_signal(signal.SIGKILL)
            lines += [line.split() for line in process.stdout]
        told: dict[str, set[UUID]] = {"before": set(), "after": set()}
        for word, reference in lines:
            told[word].add(UUID(reference))
        doubtful = told["before"] - told["after"]
        assert len(doubtful) <= 1
        found = {bet.reference for bet in every_bet(paper)}
        assert told["after"] <= found <= told["before"]
        for reference in told["before"]:
            state = paper.venue.status(reference).state
            assert state is (BetState.ACCEPTED if reference in found else BetState.MISSING)

    def test_status_waits_for_the_commit_of_one_that_is_gone(self, paper: PaperRig) -> None:
        run(paper, AT_COMMIT.format(what="pg_sleep(1.5)"))
        with placing(paper) as process:
            assert process.stdout
            reference = UUID(process.stdout.readline().split()[1])
            wait_until_asleep(paper)
            process.send_signal(signal.SIGKILL)
        assert paper.taken() == 0  # not committed yet
        assert paper.venue.status(reference).state is BetState.ACCEPTED
        assert paper.taken() == 1

    def test_a_connection_lost_while_committing_leaves_a_doubt(self, paper: PaperRig) -> None:
        run(paper, AT_COMMIT.format(what="pg_terminate_backend(pg_backend_pid())"))
        slip = paper.slip()
        with pytest.raises(VenueUnknownError, match="ask for its status"):
            paper.venue.place(slip)
        assert paper.venue.status(slip.reference).state is BetState.MISSING

    def test_a_database_that_is_away_is_a_venue_that_is_offline(self, paper: PaperRig) -> None:
        nowhere = connect("postgresql://u@127.0.0.1:9/none")
        venue = PaperVenue(nowhere, StoredOffers(nowhere), paper.clock)
        for call in (
            lambda: venue.place(paper.slip()),
            lambda: venue.status(uuid4()),
            lambda: venue.balance("units"),
            lambda: venue.prices([paper.fixture_id]),
            venue.history,
        ):
            with pytest.raises(VenueOfflineError):
                call()

    def test_the_record_is_append_only(self, paper: PaperRig) -> None:
        paper.venue.place(paper.slip())
        for change in ("UPDATE paper_bets SET stake = 1", "DELETE FROM paper_bets"):
            with pytest.raises(DBAPIError, match="append-only"):
                run(paper, change)

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ("state = 'won'", "paper_bets_state_check"),
            ("reason = 'other'", "paper_bets_reason_check"),
            ("price = NULL", "paper_bets_taken_check"),
            ("kickoff = NULL", "paper_bets_taken_check"),
            ("stake = 0", "paper_bets_stake_check"),
            ("price = 1", "paper_bets_price_check"),
        ],
    )
    def test_rows_that_must_not_be_are_refused(self, paper: PaperRig, wrong: str, why: str) -> None:
        paper.venue.place(paper.slip())
        with pytest.raises(DBAPIError, match=why):
            run(
                paper,
                f"SET LOCAL betting_ai.maintenance = 'on';\nUPDATE paper_bets SET {wrong}",
            )

    def test_what_was_asked_for_is_kept(self, paper: PaperRig) -> None:
        slip = paper.slip()
        paper.venue.place(slip)
        with paper.engine.connect() as connection:
            kept = connection.scalar(sa.text("SELECT slip FROM paper_bets"))
        assert kept["bookmaker"] == "B365"
        assert Decimal(kept["min_price"]) == slip.min_price

    def test_fixtures_received_later_are_not_seen(self, paper: PaperRig) -> None:
        paper.clock.instant = NOW - timedelta(hours=14)
        assert paper.venue.fixtures("E0", NOW, NOW + timedelta(days=9)) == []


def every_bet(paper: PaperRig) -> list:
    bets, cursor = [], None
    while True:
        page = paper.venue.history(cursor)
        bets += page.bets
        cursor = page.next
        if cursor is None:
            return bets


def wait_until_asleep(paper: PaperRig) -> None:
    asleep = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    for _ in range(500):
        with paper.engine.connect() as connection:
            if connection.scalar(asleep):
                return
        time.sleep(0.01)
    raise AssertionError("nobody commits")
