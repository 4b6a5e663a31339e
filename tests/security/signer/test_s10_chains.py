"""S10: only listed chains, bound into the signature; no key serves two networks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import rlp
from eth_account import Account

from betting_signer.contract import CHAINS, Code, MalformedError, Signed, Transaction
from betting_signer.policy import Policy
from betting_signer.signing import SignatureError, checked, sign_with
from security.signer.world import ADDRESS, FRIEND, GWEI, KEY, World, code, decided, intent, policy


def of(chain: int, network: str) -> Policy:
    """The usual policy for another chain."""
    text = policy().dumps().replace('"chain_id":56', f'"chain_id":{chain}')
    content = json.loads(text) | {"network": network}
    content["chains"] = {str(chain): content["chains"]["56"]}
    return Policy.parse(content)


@pytest.mark.parametrize("chain", [56, 97, 1, 0, 204])
@pytest.mark.parametrize("network", ["mainnet", "testnet"])
def test_a_policy_has_chains_of_its_network_only(chain: int, network: str) -> None:
    if CHAINS.get(chain) == network:
        assert of(chain, network).network == network
    else:
        with pytest.raises(MalformedError):
            of(chain, network)


@pytest.mark.parametrize("chain", [56, 97])
@pytest.mark.parametrize("network", ["mainnet", "testnet"])
@pytest.mark.parametrize("wished", [56, 97, 1])
def test_the_matrix_of_policy_key_and_wish(
    server: World, chain: int, network: str, wished: int
) -> None:
    server.under(of(chain, CHAINS[chain]))
    outcome = server.ask(intent(chain_id=wished), server.signer(network=network))
    if CHAINS[chain] != network:
        assert code(outcome) is Code.POLICY_MISSING
    elif wished != chain:
        assert code(outcome) is Code.CHAIN_NOT_ALLOWED
    else:
        assert isinstance(outcome, Signed)
        assert outcome.transaction.chain_id == wished


@pytest.mark.parametrize("kind", ["legacy", "eip1559"])
def test_the_chain_is_in_the_signature(kind: str) -> None:
    here = Transaction(56, 3, FRIEND, 7, "0x", 21_000, kind, 3 * GWEI, 3 * GWEI)
    raw = sign_with(bytes.fromhex(KEY), ADDRESS, here)
    checked(raw, ADDRESS, here)
    with pytest.raises(SignatureError):
        checked(raw, ADDRESS, replace(here, chain_id=97))
    # The same signature with another chain written over it is somebody else's.
    fields = rlp.decode(raw[1:] if kind == "eip1559" else raw)
    if kind == "eip1559":
        moved = b"\x02" + rlp.encode([bytes([97]), *fields[1:]])
    else:
        v = int.from_bytes(fields[6], "big") - 56 * 2 + 97 * 2
        moved = rlp.encode([*fields[:6], v.to_bytes(1, "big"), *fields[7:]])
    assert Account.recover_transaction(moved) != ADDRESS
    with pytest.raises(SignatureError):
        checked(moved, ADDRESS, replace(here, chain_id=97))


def test_a_signature_of_before_eip_155_is_refused() -> None:
    here = Transaction(56, 3, FRIEND, 7, "0x", 21_000, "legacy", 3 * GWEI, 3 * GWEI)
    fields = {"nonce": 3, "to": FRIEND, "value": 7, "gas": 21_000, "gasPrice": 3 * GWEI}
    raw = bytes(Account.from_key(KEY).sign_transaction(fields).raw_transaction)
    assert Account.recover_transaction(raw) == ADDRESS
    with pytest.raises(SignatureError):
        checked(raw, ADDRESS, here)


def test_a_quote_of_another_chain_is_refused() -> None:
    from security.signer.world import quote

    wish = intent()
    assert code(decided(wish, quoted=quote(wish, chain_id=97))) is Code.QUOTE_MISMATCH
