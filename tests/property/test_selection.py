from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from betting_ai.domain.markets import Outcome
from betting_ai.domain.slate import (
    MOST_PICKS,
    Candidate,
    Criteria,
    Reason,
    Stamp,
    select,
    shortfalls,
)

KICKOFF = datetime(2025, 3, 15, 15, tzinfo=UTC)
CRITERIA = Criteria.of("value")

# Few values each, so that ties and full slates are common.
candidates = st.builds(
    Candidate,
    event_id=st.sampled_from("abcdefg"),
    home=st.just("H"),
    away=st.just("A"),
    league=st.just("E0"),
    kickoff=st.just(KICKOFF),
    outcome=st.sampled_from(Outcome),
    bookmaker=st.sampled_from(["B365", "PS"]),
    price=st.just(Decimal("2.50")),
    q=st.just(0.40),
    f=st.just(0.42),
    p=st.just(0.41),
    members=st.just({}),
    model_ev=st.just(0.05),
    ev=st.sampled_from([0.005, 0.02, 0.05, float("nan")]),
    ev_lower=st.just(0.0),
    ev_se=st.just(0.01),
    confidence=st.sampled_from([55.0, 62.0, 70.0]),
    risk=st.sampled_from([0.5, 0.6, 0.8]),
    rar=st.just(0.05),
    composite=st.sampled_from([0.3, 0.5, 0.7, 0.9]),
    prices_as_of=st.just(KICKOFF),
    stamps=st.sampled_from([(), (Stamp.UPPER_BOUND,)]),
    refusals=st.sampled_from([(), (), (), (Reason.STALE_PRICE,), (Reason.NO_NAMED_BOOK,)]),
)
offers = st.lists(
    candidates,
    max_size=14,
    unique_by=lambda c: (c.event_id, c.outcome, c.bookmaker),
)


def key(candidate):
    return candidate.event_id, candidate.outcome, candidate.bookmaker


def names(chosen):
    return (
        [key(pick) for pick in chosen.picks],
        [(key(miss.candidate), miss.shortfalls) for miss in chosen.near_misses],
    )


@given(offers, st.randoms(use_true_random=False))
def test_the_order_given_does_not_matter(offer, random):
    shuffled = random.sample(offer, len(offer))
    assert names(select(offer, CRITERIA)) == names(select(shuffled, CRITERIA))


@given(offers)
def test_picks_meet_the_criteria_one_per_event_best_first(offer):
    picks = select(offer, CRITERIA).picks
    assert len(picks) <= MOST_PICKS
    assert len({pick.event_id for pick in picks}) == len(picks)
    assert all(shortfalls(pick, CRITERIA) == () for pick in picks)
    assert all(CRITERIA.met(pick.confidence, pick.ev, pick.risk) for pick in picks)
    scores = [pick.composite for pick in picks]
    assert scores == sorted(scores, reverse=True)


@given(offers)
def test_no_better_candidate_is_left_out(offer):
    picks = select(offer, CRITERIA).picks
    taken = {pick.event_id for pick in picks}
    left = [c for c in offer if c.event_id not in taken and not shortfalls(c, CRITERIA)]
    if len(picks) < MOST_PICKS:
        assert not left
    elif left:
        assert max(c.composite for c in left) <= min(pick.composite for pick in picks)


@given(offers, offers)
def test_worse_candidates_change_no_pick(offer, more):
    picks = select(offer, CRITERIA).picks
    worst = min((pick.composite for pick in picks), default=1.0)
    full = len(picks) == MOST_PICKS
    worse = [c for c in more if shortfalls(c, CRITERIA) or (full and c.composite < worst)]
    assert select([*offer, *worse], CRITERIA).picks == picks


@given(offers)
def test_near_misses_have_a_reason_and_are_not_picks(offer):
    chosen = select(offer, CRITERIA)
    picked = {key(pick) for pick in chosen.picks}
    events = [miss.candidate.event_id for miss in chosen.near_misses]
    assert len(events) == len(set(events)) <= MOST_PICKS
    for miss in chosen.near_misses:
        assert miss.shortfalls
        assert key(miss.candidate) not in picked
        assert all(s.missed_by is None or s.missed_by > 0 for s in miss.shortfalls)
