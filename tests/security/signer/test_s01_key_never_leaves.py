"""S1: key material is never returned, logged, traced, raised or written to disk."""

from __future__ import annotations

import json
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from betting_signer.custody import (
    KeystoreCustody,
    SecretsManagerCustody,
    SecretsManagerRequesters,
    address_of,
    keystore,
)
from betting_signer.signing import CustodyError, sign_with
from fakes.aws import FakeAws
from security.marks import told as secrets_in
from security.signer.world import (
    ADDRESS,
    FRIEND,
    KEY,
    NOW,
    OTHER_KEY,
    PASSWORD,
    SECRET,
    World,
    dearer,
    intent,
    keystore_file,
    on_dynamo,
    quote,
    secret,
)


def frames(error: BaseException | None) -> Iterator[str]:
    """All that an error shows: its words, its causes, and the values in all frames it passed."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield f"{error!r} {error.args} {vars(error)}"
        yield "".join(traceback.format_exception(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if any(part in frame.f_code.co_filename for part in ("betting_", "site-packages")):
                yield "".join(
                    f"{name}={value!r}" for name, value in frame.f_locals.items() if name != "self"
                )
        error = error.__cause__ or error.__context__


def test_the_marks_would_be_found() -> None:
    key = bytes.fromhex(KEY)
    assert secrets_in(f"key={key!r}")
    assert secrets_in(f"{int(KEY, 16)}")
    assert secrets_in(json.dumps({"key": "0x" + KEY.upper()}))

    def careless(kept: bytes) -> None:
        raise ValueError(len(kept))

    with pytest.raises(ValueError, match="32") as raised:
        careless(key)
    assert any(secrets_in(repr(frame.f_locals)) for frame, _ in traceback.walk_tb(raised.tb))


def test_no_run_shows_the_key(
    world: World,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    caplog.set_level(0)
    wish = intent()
    world.put(wish)
    first = quote(wish)
    signer = world.signer()
    outcomes: list[Any] = [
        signer,
        signer.sign(first.dumps()),
        signer.sign(first.dumps()),
        signer.sign(dearer(first, wish).dumps()),
        world.ask(intent(to=ADDRESS)),
        signer.sign("no quote"),
        world.ask(intent(), world.signer(address=FRIEND)),
    ]
    told = repr(outcomes) + "".join(world.lines())
    head = world.store.head(ADDRESS)
    told += "".join(
        repr(world.copies.read(f"audit/{ADDRESS}/{seq:012d}.json"))
        for seq in range(1, head.audit_seq + 1)
    )
    written = capfd.readouterr()
    told += written.out + written.err + caplog.text
    for path in scratch.rglob("*"):
        if path.is_file():
            told += path.read_bytes().decode("latin-1")
    assert "allowed" in told
    assert not secrets_in(told)
    # What is on the disk of a server of one's own is the encrypted key and the copies.
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert not secrets_in(path.read_bytes().decode("latin-1"))


def broken(aws: FakeAws, folder: Path) -> Iterator[Any]:
    """Custodies, each with another fault."""
    secrets = aws.client("secretsmanager")
    for text in (KEY[:-1], KEY + "zz", json.dumps({"key": KEY}), f"{KEY}\n{KEY}", "0" * 64):
        yield SecretsManagerCustody(secrets, secret(aws, text))
    yield SecretsManagerCustody(secrets, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:no")
    yield SecretsManagerCustody(secrets, secret(aws, OTHER_KEY))
    yield KeystoreCustody(keystore_file(folder), lambda: PASSWORD + "!")
    yield KeystoreCustody(keystore_file(folder, OTHER_KEY), lambda: PASSWORD)
    yield KeystoreCustody(folder / "none.json", lambda: PASSWORD)
    plain = folder / "plain.json"
    plain.touch(0o600)
    plain.write_text(KEY)
    yield KeystoreCustody(plain, lambda: PASSWORD)
    shared = keystore_file(folder)
    shared.chmod(0o640)
    yield KeystoreCustody(shared, lambda: PASSWORD)


def test_no_error_shows_the_key(aws: FakeAws, tmp_path: Path) -> None:
    from betting_signer.contract import Transaction

    transaction = Transaction(56, 0, FRIEND, 1, "0x", 21_000, "eip1559", 3, 1)
    codes = set()
    for custody in broken(aws, tmp_path):
        with pytest.raises(CustodyError) as raised:
            custody.sign(ADDRESS, transaction)
        assert raised.value.__cause__ is None
        assert not any(map(secrets_in, frames(raised.value)))
        codes.add(raised.value.code)
    assert codes == {"malformed", "unavailable", "password", "mismatch", "failed"}


def test_no_error_of_what_signs_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from eth_keys.datatypes import PrivateKey

    from betting_signer.contract import Transaction

    def careless(self: PrivateKey, *_: object) -> None:
        raise ValueError(f"cannot sign with {self.to_hex()}")

    monkeypatch.setattr(PrivateKey, "sign_msg_hash", careless)
    transaction = Transaction(56, 0, FRIEND, 1, "0x", 21_000, "eip1559", 3, 1)
    with pytest.raises(CustodyError, match="failed") as raised:
        sign_with(bytes.fromhex(KEY), ADDRESS, transaction)
    assert raised.value.__context__ is None
    assert not any(map(secrets_in, frames(raised.value)))


def test_no_error_of_making_a_key_shows_it() -> None:
    for work in (
        lambda: address_of(KEY[:-1]),
        lambda: address_of("f" * 64),
        lambda: keystore(KEY + "0", PASSWORD),
    ):
        with pytest.raises(CustodyError, match="malformed") as raised:
            work()
        assert not any(
            mark in text for text in frames(raised.value) for mark in (KEY[:-1], "f" * 64)
        )


def test_secrets_of_requesters_are_not_told_either(aws: FakeAws) -> None:
    client = aws.client("secretsmanager")
    for text in (f'{{"api": "{SECRET}"', f'{{"api": ["{SECRET[:31]}"]}}', f'["{SECRET}"]'):
        with pytest.raises(CustodyError, match="malformed") as raised:
            SecretsManagerRequesters(client, secret(aws, text))("api")
        assert not any(SECRET[:31] in told for told in frames(raised.value))


def test_the_key_is_read_for_each_signature_and_not_before(aws: FakeAws) -> None:
    world = on_dynamo(aws)
    calls = []

    class Counted:
        def get_secret_value(self, **asked: Any) -> Any:
            calls.append(asked["SecretId"])
            return world.custody.client.get_secret_value(**asked)

    custody = SecretsManagerCustody(Counted(), world.custody.secret_id)
    signer = world.signer(custody=custody)
    world.ask(intent(to=ADDRESS), signer)
    assert calls == []
    for number in (1, 2):
        world.ask(intent(created_at=NOW), signer)
        assert len(calls) == number
