"""``wallet audit``: whether the signer's record is what was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from betting_ai.cli.context import Json
from betting_ai.cli.wallet_place import opened_wallet, said
from betting_ai.errors import DomainError, InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.bootstrap import App

app = typer.Typer(help="The signer's record of every decision.", no_args_is_help=True)

_CHANGED = "is not what was written"
_MISSING = "is missing"


class AuditBrokenError(DomainError):
    """The signer's record is not what was written."""

    code = "audit_broken"


@app.command()
def show(
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="So many.")] = 20,
    as_json: Json = False,
) -> None:
    """The newest decisions, the newest last; `verify` says whether they are what was written."""
    with opened_wallet() as opened:
        rows = opened.wallet_rows("betting_auditor")
        address = opened.wallet.address
        end = rows.head(address).audit_seq
        lines = [json.loads(line) for line in rows.audit(address, max(1, end - last + 1), end)]
    if not lines:
        raise NothingToDoError("nothing has been decided yet")
    if as_json:
        typer.echo(json.dumps(lines))
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    grid = Table("", "at", "decision", "transfer", box=box.SIMPLE_HEAD)
    for line in lines:
        cells = (str(line[name]) for name in ("seq", "at", "code"))
        grid.add_row(*cells, escape(str(line["intent_id"] or "")))
    Console(highlight=False).print(grid)


@app.command()
def verify(
    copies: Annotated[
        Path | None, typer.Option("--copies", help="Also compare with the copies in this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute the whole chain of the signer's record, and hold it against its copies."""
    with opened_wallet() as opened:
        rows = opened.wallet_rows("betting_auditor")
        address = opened.wallet.address
        head = rows.head(address)
        lines = list(rows.audit(address, 1, head.audit_seq))
        kept = _copies(opened, copies)
        wrong = (
            _wrong_entry(lines, head)
            or (None if kept is None else _wrong_copy(address, lines, kept))
            or _beyond(rows, kept, address, len(lines))
        )
    if wrong is not None:
        what, how = wrong
        raise AuditBrokenError(f"{what} of the audit of {address} {how}")
    told = {"address": address, "entries": len(lines), "copies": kept is not None}
    beside = ", and so are their copies" if kept is not None else "; no copies were compared"
    said(as_json, told, f"{len(lines)} entries are as they were written{beside}.")


def _wrong_entry(lines: list[str], head: Any) -> tuple[str, str] | None:  # noqa: ANN401 - imported late
    from betting_signer.audit import first_broken

    number = first_broken(lines, (head.audit_seq, head.audit_hash))
    if number is None:
        return None
    return f"entry {number}", _CHANGED if number <= len(lines) else _MISSING


def _wrong_copy(address: str, lines: list[str], kept: Any) -> tuple[str, str] | None:  # noqa: ANN401 - folder or bucket
    from betting_signer.audit import copy_name, first_different

    found = [kept.read(copy_name(address, seq)) for seq in range(1, len(lines) + 1)]
    number = first_different(lines, found)
    if number is None:
        return None
    return f"copy {number}", _MISSING if found[number - 1] is None else _CHANGED


def _beyond(rows: Any, kept: Any, address: str, last: int) -> tuple[str, str] | None:  # noqa: ANN401 - of either store
    """What the head does not know of: it was put back, or somebody put a copy there."""
    from betting_ai.adapters.wallet.copies import copy_names
    from betting_signer.audit import copy_name

    more = next(iter(rows.audit(address, last + 1, last + 1)), None) is not None
    names = [] if kept is None else copy_names(kept, address)
    # The signer may have gone on meanwhile: head and entry come together, the copy after them.
    now = rows.head(address).audit_seq
    if more and now <= last:
        return f"entry {last + 1}", "is beyond the last that the head has"
    written = {copy_name(address, seq) for seq in range(1, now + 1)}
    for name in names:
        if name not in written:
            number = Path(name).stem.lstrip("0")
            return f"copy {number}", "is there, and no entry has it"
    return None


def _copies(opened: App, folder: Path | None) -> Any:  # noqa: ANN401 - folder or bucket
    if folder is not None:
        from betting_signer.copies import FolderCopies

        if not folder.is_dir():
            raise InvalidInputError(f"there is no folder {folder}")
        return FolderCopies(folder)
    if opened.settings.audit_bucket is None:
        return None
    from betting_ai.adapters.aws.clients import client
    from betting_signer.dynamo import S3Copies

    return S3Copies(client("s3"), opened.settings.audit_bucket)
