"""Raw payloads by digest: kept once, verified, never half written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.errors import InvalidInputError, ObjectDamagedError, ObjectMissingError

CONTENT = b"Div,Date,HomeTeam,AwayTeam\n" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def files(store: LocalObjectStore) -> list[Path]:
    return sorted(path for path in store.root.rglob("*") if path.is_file())


def test_what_is_put_comes_back(store: LocalObjectStore) -> None:
    assert store.put(CONTENT) == DIGEST
    assert store.get(DIGEST) == CONTENT
    assert store.holds(DIGEST)


def test_it_is_kept_once_under_its_digest_and_smaller(store: LocalObjectStore) -> None:
    store.put(CONTENT)
    [path] = files(store)
    assert path.relative_to(store.root).as_posix() == f"raw/{DIGEST[:2]}/{DIGEST}"
    assert path.stat().st_size < len(CONTENT) / 4
    before = path.stat().st_mtime_ns
    store.put(CONTENT)
    assert (files(store), path.stat().st_mtime_ns) == ([path], before)


def test_the_empty_payload_is_a_payload(store: LocalObjectStore) -> None:
    assert store.get(store.put(b"")) == b""


def test_what_was_never_put_or_was_discarded_is_missing(store: LocalObjectStore) -> None:
    store.discard(DIGEST)
    store.put(CONTENT)
    store.discard(DIGEST)
    assert not store.holds(DIGEST)
    with pytest.raises(ObjectMissingError, match=DIGEST):
        store.get(DIGEST)


@pytest.mark.parametrize("damage", [b"", b"noise", b"\x78\x01\x03\x00\x00\x00\x00\x01"])
def test_damage_is_found(store: LocalObjectStore, damage: bytes) -> None:
    store.put(CONTENT)
    files(store)[0].write_bytes(damage)
    with pytest.raises(ObjectDamagedError, match="damaged"):
        store.get(DIGEST)


def test_a_digest_is_no_path(store: LocalObjectStore) -> None:
    with pytest.raises(InvalidInputError):
        store.get("../../etc/passwd")
    with pytest.raises(InvalidInputError):
        store.write("../note", b"")


def test_notes_are_replaced_as_a_whole(store: LocalObjectStore) -> None:
    assert store.read("site.json") is None
    store.write("site.json", b"long first version")
    store.write("site.json", b"second")
    assert store.read("site.json") == b"second"


def test_a_write_that_fails_leaves_nothing_behind(
    store: LocalObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("site.json", b"first")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write("site.json", b"second")
    assert store.read("site.json") == b"first"
    assert len(files(store)) == 1
