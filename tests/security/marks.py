"""What must be nowhere: the tests' keys and secrets, in every form in which they might be told."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from security.signer.world import KEY, OTHER_KEY, PASSWORD, SECRET


def _encoded(raw: bytes) -> Iterator[bytes]:
    """In base64 and its like, also from the middle of something longer."""
    for before in range(3):
        whole = b"\0" * before + raw
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # What its first and last signs are depends on the neighbours.
            yield encode(whole)[-(-before * 4 // 3) : len(whole) // 3 * 4]
    yield base64.b32encode(raw).rstrip(b"=")[:-1]


def _forms(raw: bytes) -> Iterator[bytes]:
    yield raw
    yield raw[::-1]
    yield raw.hex().encode()
    yield raw[::-1].hex().encode()
    yield raw.hex(" ").encode()
    yield repr(raw)[2:-1].encode()
    yield raw.decode("latin-1").encode()
    yield ", ".join(map(str, raw)).encode()
    yield from _encoded(raw)


def _marks() -> Iterator[tuple[str, bytes]]:
    for name, key in (("key", KEY), ("other key", OTHER_KEY)):
        raw = bytes.fromhex(key)
        for form in (*_forms(raw), str(int(key, 16)).encode(), *_encoded(key.encode())):
            yield name, form
        # Half of it would be as bad.
        for half in (key[:32], key[32:]):
            yield name, half.encode()
    for name, text in (("password", PASSWORD), ("stamp", SECRET)):
        yield name, quote(text).encode()
        yield name, text.encode()
        # What stands before or behind a sign that is written in many ways.
        yield name, max(re.split(r"[^\w -]", text), key=len).encode()
        yield from ((name, form) for form in _forms(text.encode()))


MARKS = tuple({(name, form.lower()) for name, form in _marks()})
assert min(len(form) for _, form in MARKS) >= 16


def told(content: bytes | str) -> set[str]:
    """Names of the secrets that something tells, compressed or not, in whatever case."""
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    contents = [raw]
    with suppress(zlib.error):
        contents.append(zlib.decompress(raw))
    return {
        name for one in contents for lowered in (one.lower(),) for name, form in MARKS
        if form in lowered
    }  # fmt: skip


def nothing_told(folder: Path) -> None:
    """No file below a folder has a key, the password or the requester's secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not told(path.read_bytes()), path
