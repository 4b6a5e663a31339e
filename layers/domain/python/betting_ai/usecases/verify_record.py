"""Prove the record: every link of every chain, and every number that follows from another."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from betting_ai.domain.record import broken, digest
from betting_ai.domain.settlement import Settled, profit, settle
from betting_ai.ports.bets import LedgerLine, Session, StoredBet
from betting_ai.ports.record import Link, RecordedPick, Verdict, Why
from betting_ai.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from betting_ai.usecases.settle_picks import figures

_CLOSE: Final = 1e-9  # sums of floats may differ in the order of their terms


@dataclass(frozen=True)
class Flaw:
    """Something that does not hold.

    Attributes:
        where: which entry.
        what: what is wrong with it.
    """

    where: str
    what: str


@dataclass(frozen=True)
class Verified:
    """What was found.

    Attributes:
        counts: chain -> entries.
        last: chain -> the hash that the next entry will follow; publish it, and nobody can
            rewrite what came before.
        flaws: in the order of the chains; the first of them is the first broken link.
    """

    counts: Mapping[str, int]
    last: Mapping[str, str | None]
    flaws: tuple[Flaw, ...]


@dataclass(frozen=True)
class VerifyRecord:
    """The use case; reads only."""

    units: UnitOfWorkFactory

    def __call__(self) -> Verified:
        """Recompute everything that can be."""
        with self.units() as unit:
            links = unit.record.links()
            flaws = [*_chains(links), *_slates(links), *_settlements(unit), *_money(unit)]
            flaws += _days(unit)
        chains = {chain: list(its) for chain, its in groupby(links, key=lambda link: link.chain)}
        return Verified(
            counts={chain: len(its) for chain, its in chains.items()},
            last={chain: its[-1].hash for chain, its in chains.items()},
            flaws=tuple(flaws),
        )


def _chains(links: Sequence[Link]) -> Iterator[Flaw]:
    """The first broken link of every chain: all after it follow something unproven."""
    for _, its in groupby(links, key=lambda link: link.chain):
        before = None
        for link in its:
            what = broken(link.entry, link.previous, link.hash, before)
            if what is not None:
                yield Flaw(link.name, what)
                break
            before = link.hash


_SAME: Final = {
    "price": "recommended_odds",
    "stake": "recommended_stake",
    "bet_until_price": "bet_until_odds",
    "probability": "probability",
    "ensemble_probability": "ensemble_probability",
    "consensus_probability": "market_probability",
    "model_ev": "model_expected_value",
    "ev": "expected_value",
    "ev_lower": "expected_value_lower",
    "confidence": "confidence_score",
    "risk_score": "risk_score",
    "risk_adjusted_return": "risk_adjusted_return",
    "composite_score": "composite_score",
}
"""Column of a recommendation -> the same number on its slate."""

_SAME_WORDS: Final = {"event": "event_id", "bookmaker": "bookmaker", "selection": "outcome"}

_ROUNDED: Final = 5.1e-5  # a slate shows four places and more


def _slates(links: Sequence[Link]) -> Iterator[Flaw]:
    """Slates are named by what they say, came before kick-off, and agree with their picks."""
    on_slates: dict[tuple[str, int], Mapping[str, Any]] = {}
    for link in links:
        if link.chain != "slates":
            continue
        name = digest(link.entry)
        for pick in link.entry["picks"]:
            on_slates[name, pick["rank"]] = pick
            kickoff = datetime.fromisoformat(pick["kickoff"])
            if link.stored_at is not None and link.stored_at >= kickoff:
                yield Flaw(link.name, f"it was stored after the kick-off of {pick['event_id']}")
    for link in links:
        if link.chain != "recommendations":
            continue
        shown = on_slates.pop((link.entry["slate_id"], link.entry["rank"]), None)
        if shown is None:
            yield Flaw(link.name, "its slate does not have it")
            continue
        yield from _differences(link, shown)
    for slate, rank in on_slates:
        yield Flaw(f"pick {rank} of slate {slate}", "it is missing")


def _differences(link: Link, shown: Mapping[str, Any]) -> Iterator[Flaw]:
    """A pick says what its slate says."""
    for name, field in _SAME_WORDS.items():
        if link.entry[name] != shown[field]:
            yield Flaw(link.name, f"its {name} is not the slate's {field}")
    for column, field in _SAME.items():
        if not _equal(link.entry[column], shown[field]):
            yield Flaw(link.name, f"its {column} is not the slate's {field}")


def _equal(stored: Decimal | float | None, shown: float | None) -> bool:
    if stored is None or shown is None:
        return stored is shown
    return abs(float(stored) - shown) <= _ROUNDED


def _settlements(unit: UnitOfWork) -> Iterator[Flaw]:
    """Every settlement follows from the rules, and picks and bets show their last one."""
    last: dict[tuple[str, int], Verdict] = {}
    for one in unit.record.settlements():
        due, verdict = one.due, one.verdict
        name = f"settlement of {due.subject} {due.id} ({due.event_id})"
        if verdict.why is Why.VENUE:  # what the venue paid follows from nothing that is stored
            last[str(due.subject), due.id] = verdict
            continue
        if verdict.result is not settle(due.market, due.line, due.outcome, verdict.score):
            yield Flaw(name, f"{verdict.result} does not follow from the score")
        if verdict.profit != profit(verdict.result, due.stake, due.price):
            yield Flaw(name, f"a profit of {verdict.profit} does not follow from stake and price")
        last[str(due.subject), due.id] = verdict
    shown: list[tuple[str, RecordedPick | StoredBet]] = [
        *(("recommendation", pick) for pick in unit.record.picks()),
        *(("bet", bet) for bet in unit.bets.bets()),
    ]
    for subject, item in shown:
        told = (item.status, item.profit, item.clv)
        settled = last.get((subject, item.id))
        if settled is None:
            holds = told[0] not in set(Settled) and told[1:] == (None, None)
        else:
            holds = told == (settled.result, settled.profit, settled.clv)
        if not holds:
            yield Flaw(f"{subject} {item.id}", "what it shows is not what it was settled as")


def _money(unit: UnitOfWork) -> Iterator[Flaw]:
    """A session's cash is the sum of its ledger, and every bet's entries are its profit."""
    for session in unit.bets.sessions():
        lines = unit.bets.ledger(session.id)
        total = sum((line.amount for line in lines), Decimal(0))
        if total != session.cash:
            yield Flaw(f"session {session.id}", f"its cash is {session.cash}, its ledger {total}")
        yield from _bets(session, lines, unit.bets.bets(session.id))


def _bets(
    session: Session, lines: Sequence[LedgerLine], bets: Sequence[StoredBet]
) -> Iterator[Flaw]:
    moved: dict[object, Decimal] = defaultdict(Decimal)
    for line in lines:
        moved[line.reference] += line.amount
    for bet in bets:
        open_ = bet.status in {"unknown", "pending", "placed"}
        expected = -bet.bet.stake if open_ else bet.profit or Decimal(0)
        if moved[bet.bet.reference] != expected:
            yield Flaw(
                f"bet {bet.bet.reference} of session {session.id}",
                f"its ledger entries sum to {moved[bet.bet.reference]}, not {expected}",
            )


def _days(unit: UnitOfWork) -> Iterator[Flaw]:
    """The figures of every settled day are those of its picks."""
    found = {(f.day, f.profile, f.mode, f.league): f for f in figures(unit.record.picks())}
    for stored in unit.record.days():
        name = f"figures of {stored.day}, {stored.profile}, {stored.league or 'all leagues'}"
        real = found.get((stored.day, stored.profile, stored.mode, stored.league))
        if real is None:
            yield Flaw(name, "there are no such picks")
        elif not (
            (stored.counts, stored.staked, stored.profit, stored.clv_count, stored.beat_close)
            == (real.counts, real.staked, real.profit, real.clv_count, real.beat_close)
            and math.isclose(stored.clv_sum, real.clv_sum, abs_tol=_CLOSE)
        ):
            yield Flaw(name, "they are not those of its picks")
