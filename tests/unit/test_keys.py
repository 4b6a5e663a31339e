"""Keys: tokens, what is derived from the root secret, and the files it lies in."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from betting_ai.adapters.local.secrets import LocalSecrets
from betting_ai.domain.keys import ApiKey, Scope, Token, hkdf, signing_secret
from betting_ai.errors import InvalidInputError, SecretError, UnauthorizedError
from betting_ai.ports.secrets import ROOT_SECRET
from betting_ai.usecases.manage_keys import CreateKeyCommand
from signature_vectors import DOCUMENT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY_ID = "0123456789abcdef"
TOKEN = Token.make(KEY_ID, bytes(range(32)))
NEXT = Token.make(KEY_ID, bytes(range(1, 33)))
KEY = ApiKey(KEY_ID, "mine", frozenset({Scope.READ}), TOKEN.digest, NOW - timedelta(days=1))

# RFC 5869, appendix A, the cases of SHA-256.
RFC_5869 = [
    (
        "0b" * 22,
        bytes(range(0x0D)).hex(),
        bytes(range(0xF0, 0xFA)).hex(),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)).hex(),
        bytes(range(0x60, 0xB0)).hex(),
        bytes(range(0xB0, 0x100)).hex(),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e5"
        "90e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22,
        "",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("secret", "salt", "info", "made"), RFC_5869)
def test_hkdf_gives_what_the_rfc_says(secret: str, salt: str, info: str, made: str) -> None:
    got = hkdf(
        bytes.fromhex(secret),
        bytes.fromhex(info),
        salt=bytes.fromhex(salt),
        length=len(made) // 2,
    )
    assert got.hex() == made


@pytest.mark.parametrize("length", [0, 255 * 32 + 1])
def test_hkdf_gives_no_more_than_it_can(length: int) -> None:
    with pytest.raises(ValueError, match="8160"):
        hkdf(b"secret", b"", length=length)


def test_signing_secrets_are_those_that_were_published_and_all_differ() -> None:
    root, key_id = DOCUMENT["root_secret"].encode(), DOCUMENT["key_id"]
    made = {str(one): signing_secret(root, key_id, one) for one in (1, 2, 3)}
    assert made == DOCUMENT["signing_secrets"]
    others = {signing_secret(root, "fedcba9876543210", 1), signing_secret(root + b".", key_id, 1)}
    assert len({*made.values(), *others}) == 5


def test_a_token_says_whose_it_is_and_is_in_no_representation() -> None:
    assert TOKEN.text == f"bai_{KEY_ID}_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert Token.parse(TOKEN.text) == TOKEN
    assert TOKEN.text not in repr(TOKEN)
    assert "digest" not in repr(KEY)
    assert "hash" not in repr(KEY)


@pytest.mark.parametrize(
    "text",
    ["", "bai_", TOKEN.text + "A", TOKEN.text[:-1], TOKEN.text.upper(), f" {TOKEN.text}",
     TOKEN.text + "\n", TOKEN.text.replace("A", "+"), TOKEN.text.replace("0", "g")],
)  # fmt: skip
def test_nothing_else_is_a_token(text: str) -> None:
    with pytest.raises(UnauthorizedError) as refused:
        Token.parse(text)
    assert refused.value.reason == "token_malformed"


def test_a_key_admits_its_token_and_the_one_before_while_that_is_good() -> None:
    assert KEY.admit(TOKEN, NOW) == 1
    rotated = replace(
        KEY, token_hash=NEXT.digest, previous_token_hash=TOKEN.digest, generation=2, rotated_at=NOW
    )
    assert rotated.generations == (2, 1)
    assert (rotated.admit(NEXT, NOW), rotated.admit(TOKEN, NOW)) == (2, 1)
    finished = replace(rotated, previous_token_hash=None)
    assert finished.generations == (2,)
    assert finished.admit(NEXT, NOW) == 2
    assert reason(finished, TOKEN) == "token_wrong"


def test_a_dead_key_admits_nobody() -> None:
    expires = replace(KEY, expires_at=NOW)
    assert expires.admit(TOKEN, NOW - timedelta(microseconds=1)) == 1
    assert reason(expires, TOKEN) == "key_expired"
    assert reason(replace(KEY, revoked_at=NOW), TOKEN) == "key_revoked"
    assert reason(replace(KEY, revoked_at=NOW), NEXT) == "token_wrong"


@pytest.mark.parametrize(
    ("scopes", "signs"),
    [({"read"}, False), ({"bet"}, True), ({"transfer"}, True), ({"read", "bet"}, True)],
)
def test_keys_that_move_money_sign(scopes: set[str], signs: bool) -> None:
    assert replace(KEY, scopes=frozenset(map(Scope, scopes))).signs is signs


def test_all_refusals_read_the_same() -> None:
    assert str(UnauthorizedError("a")) == str(UnauthorizedError("b"))


@pytest.mark.parametrize(
    ("name", "scopes", "lifetime"),
    [
        ("", {Scope.READ}, None),
        ("x" * 101, {Scope.READ}, None),
        ("a\nb", {Scope.READ}, None),
        ("\x1b[2J", {Scope.READ}, None),
        ("x", set(), None),
        ("x", {Scope.READ}, timedelta()),
        ("x", {Scope.READ}, timedelta(days=3651)),
    ],
)
def test_keys_that_cannot_be(name: str, scopes: set[Scope], lifetime: timedelta | None) -> None:
    with pytest.raises(InvalidInputError):
        CreateKeyCommand(name, frozenset(scopes), lifetime)


def test_the_root_secret_of_the_settings_comes_first(tmp_path: Path) -> None:
    given = {ROOT_SECRET: SecretStr("s" * 32)}
    assert LocalSecrets(tmp_path / "secrets", given).read(ROOT_SECRET) == b"s" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_short_one_is_refused_and_not_quoted(tmp_path: Path) -> None:
    given = {ROOT_SECRET: SecretStr("hunter2hunter2")}
    with pytest.raises(SecretError, match="root_secret must have at least 32 bytes") as refused:
        LocalSecrets(tmp_path, given).read(ROOT_SECRET)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(LocalSecrets(tmp_path, given))


def test_else_it_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "secrets"
    made = LocalSecrets(folder).read(ROOT_SECRET)
    assert len(made) == 32
    assert LocalSecrets(folder).read(ROOT_SECRET) == made
    [path] = folder.iterdir()
    assert (path.name, stat.S_IMODE(path.stat().st_mode)) == (ROOT_SECRET, 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_all_who_make_it_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        for number in range(20):
            store = LocalSecrets(tmp_path / str(number))
            assert len(set(pool.map(store.read, [ROOT_SECRET] * 16))) == 1
            assert [path.name for path in store.folder.iterdir()] == [ROOT_SECRET]


def test_so_do_processes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from betting_ai.adapters.local.secrets import LocalSecrets\n"
        "store = LocalSecrets(Path(sys.argv[1]))\n"
        "sys.stdin.read(1)\n"
        "print(store.read('root_secret').hex())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "secrets")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for one in started:
        one.stdin.write("x")
        one.stdin.flush()
    assert len({one.communicate(timeout=60)[0] for one in started}) == 1
    assert [one.returncode for one in started] == [0] * 4


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    store = LocalSecrets(tmp_path / "secrets")
    secret = store.read(ROOT_SECRET)
    path = store.folder / ROOT_SECRET
    path.chmod(mode)
    with pytest.raises(SecretError, match="chmod 600") as refused:
        store.read(ROOT_SECRET)
    assert secret.hex() not in str(refused.value)
    path.chmod(0o600)
    assert store.read(ROOT_SECRET) == secret


def test_so_is_a_folder_that_others_may_enter(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(SecretError, match="chmod 700"):
        LocalSecrets(folder).read(ROOT_SECRET)
    assert list(folder.iterdir()) == []


def test_so_is_what_is_no_file_of_our_own(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"x" * 32)
    elsewhere.chmod(0o600)
    (folder / "link").symlink_to(elsewhere)
    (folder / "folder").mkdir(mode=0o700)
    os.mkfifo(folder / "pipe", 0o600)
    (folder / "short").write_bytes(b"x" * 31)
    (folder / "short").chmod(0o600)
    for name in ("link", "folder", "pipe", "short"):
        with pytest.raises(SecretError, match=name):
            LocalSecrets(folder).read(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_so_is_one_that_belongs_to_someone_else(tmp_path: Path) -> None:
    store = LocalSecrets(tmp_path / "secrets")
    store.read(ROOT_SECRET)
    os.chown(store.folder / ROOT_SECRET, 12345, 12345)
    with pytest.raises(SecretError, match="someone else"):
        store.read(ROOT_SECRET)


def reason(key: ApiKey, token: Token) -> str:
    with pytest.raises(UnauthorizedError) as refused:
        key.admit(token, NOW)
    return refused.value.reason
