"""Random wishes and quotes that are well formed."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from betting_signer.contract import Intent, Quote, checksummed
from security.signer.world import ADDRESS, FRIEND, NOW, STRANGER, TOKEN, intent, quote

addresses = st.one_of(
    st.sampled_from([ADDRESS, FRIEND, STRANGER, TOKEN]),
    st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: checksummed("0x" + raw.hex())),
)
amounts = st.integers(1, 2**256 - 1) | st.integers(1, 10**18)


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    """Any wish."""
    return intent(
        intent_id=draw(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)),
        requester=draw(st.sampled_from(["api", "owner", "other"])),
        created_at=NOW + timedelta(seconds=draw(st.integers(-100, 30))),
        expires_at=NOW + timedelta(seconds=draw(st.integers(31, 800))),
        chain_id=draw(st.sampled_from([56, 97, 1, 0])),
        sender=draw(st.just(ADDRESS) | addresses),
        asset=draw(st.just("native") | addresses),
        to=draw(addresses),
        amount=draw(amounts),
    )


@st.composite
def quotes(draw: st.DrawFn, wish: Intent) -> Quote:
    """Any quote for a wish."""
    fee = draw(st.integers(0, 10**10))
    return quote(
        wish,
        purpose=draw(st.sampled_from(["transfer", "replacement", "gap"])),
        observed_at=NOW + timedelta(seconds=draw(st.integers(-100, 30))),
        nonce_floor=draw(st.integers(0, 10)),
        gas_limit=draw(st.integers(0, 10**6)),
        max_fee_per_gas=fee,
        max_priority_fee_per_gas=draw(st.integers(0, fee)),
    )
