"""The signer's record: one line a decision, each naming the hash of the line before it.

Whoever holds the lines can recompute every hash. The last number and hash are in the head, so
that lines cut off at the end are missed too; copies in a store that cannot be changed show
whether lines were written anew from somewhere on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from betting_signer.contract import MalformedError, canonical, digest, document
from betting_signer.state import START


def line_of(entry: Mapping[str, Any], previous: str) -> tuple[str, str]:
    """(the line of an entry, its hash).

    Args:
        entry: its content, with its number as ``seq``.
        previous: the hash of the line before it, `START` for the first.
    """
    content = {**entry, "previous": previous}
    found = digest(content)
    return canonical({**content, "hash": found}), found


def copy_name(address: str, seq: int) -> str:
    """Under which name the copy of a line is kept."""
    return f"audit/{address}/{seq:012d}.json"


def first_broken(lines: Iterable[str], last: tuple[int, str] | None = None) -> int | None:
    """Number of the first line that is not what was written; None where all are.

    Args:
        lines: all of a wallet, in order from the first.
        last: number and hash of the last line, as the head has them.
    """
    seq, before = 0, START
    for line in lines:
        seq += 1
        try:
            content = document(line)
        except MalformedError:
            return seq
        found = content.pop("hash", None)
        whole = canonical({**content, "hash": found}) == line
        if (
            not whole
            or content.get("seq") != seq
            or content.get("previous") != before
            or digest(content) != found
        ):
            return seq
        before = str(found)
    if last is not None and last != (seq, before):
        return seq if last[0] == seq else min(seq, last[0]) + 1
    return None


def first_different(lines: Iterable[str], copies: Iterable[bytes | None]) -> int | None:
    """Number of the first line whose copy is missing or another; None where there is none.

    Args:
        lines: all of a wallet, in order from the first.
        copies: of the same numbers.
    """
    for seq, (line, copy) in enumerate(zip(lines, copies, strict=True), 1):
        if copy != line.encode():
            return seq
    return None
