"""S23: a key of another wallet than the configured one signs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account

from betting_signer.contract import Code, Signed, WouldSign
from betting_signer.custody import (
    Keyless,
    KeystoreCustody,
    SecretsManagerCustody,
    address_of,
    keystore,
    new_key,
    private_text,
)
from betting_signer.signing import CustodyError
from fakes.aws import FakeAws
from security.signer.world import (
    ADDRESS,
    KEY,
    OTHER_KEY,
    PASSWORD,
    World,
    code,
    intent,
    keystore_file,
    secret,
)


def other(world: World, request: pytest.FixtureRequest, folder: Path) -> object:
    """The same custody with the key of another wallet."""
    if world.name == "dynamo":
        aws: FakeAws = request.getfixturevalue("aws")
        return SecretsManagerCustody(world.custody.client, secret(aws, OTHER_KEY))
    return KeystoreCustody(keystore_file(folder, OTHER_KEY), lambda: PASSWORD)


def test_a_mismatch_is_refused(
    world: World, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    wish = intent()
    signer = world.signer(custody=other(world, request, tmp_path))
    assert code(world.ask(wish, signer)) is Code.KEY_MISMATCH
    assert '"code":"key_mismatch"' in world.lines()[-1]
    assert world.store.signed(wish.intent_id, 0) is None
    assert isinstance(world.ask(wish), Signed)


@pytest.mark.parametrize("text", [KEY, "0x" + KEY, f" {KEY}\n", KEY.upper()])
def test_a_key_has_one_address_however_it_is_written(text: str) -> None:
    assert address_of(text) == ADDRESS


def test_a_new_key_is_kept_in_both_ways(aws: FakeAws, tmp_path: Path) -> None:
    from betting_signer.contract import Transaction

    text, address = new_key()
    assert address_of(text) == address
    assert new_key()[0] != text
    transaction = Transaction(56, 0, ADDRESS, 1, "0x", 21_000, "eip1559", 3, 1)
    managed = SecretsManagerCustody(aws.client("secretsmanager"), secret(aws, text))
    own = KeystoreCustody(keystore_file(tmp_path, text), lambda: PASSWORD)
    assert managed.sign(address, transaction) == own.sign(address, transaction)


def test_a_keystore_is_the_one_that_wallets_read() -> None:
    made = json.loads(keystore(KEY, PASSWORD, iterations=2))
    assert made["version"] == 3
    assert bytes(Account.decrypt(made, PASSWORD)).hex() == KEY
    assert KEY not in json.dumps(made)


def test_a_keystore_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = keystore_file(tmp_path)
    assert private_text(path)
    for mode in (0o640, 0o604, 0o660, 0o622):
        path.chmod(mode)
        with pytest.raises(CustodyError, match="unavailable"):
            private_text(path)
    path.chmod(0o400)
    assert private_text(path)


def test_a_key_that_cannot_be_read_now_is_asked_for_again(world: World) -> None:
    class Away:
        def sign(self, *_: object) -> bytes:
            raise CustodyError("unavailable")

    wish = intent()
    with pytest.raises(CustodyError):
        world.ask(wish, world.signer(custody=Away()))
    assert isinstance(world.ask(wish), Signed)


def test_without_a_key_it_says_what_it_would_sign(world: World) -> None:
    keyless = world.signer(custody=Keyless())
    wish = intent()
    outcome = world.ask(wish, keyless)
    assert isinstance(outcome, WouldSign)
    assert outcome == world.ask(wish, keyless)
    assert outcome.transaction == world.store.reservation(wish.intent_id).last.transaction
    assert world.store.signed(wish.intent_id, 0) is None
    assert len(world.lines()) == 1
