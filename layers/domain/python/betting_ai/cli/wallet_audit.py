"""``wallet audit``: whether the signer's record is what was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from betting_ai.cli.context import Json
from betting_ai.cli.wallet_place import opened_wallet, said
from betting_ai.errors import DomainError, InvalidInputError

if TYPE_CHECKING:
    from betting_ai.bootstrap import App

app = typer.Typer(help="The signer's record of every decision.", no_args_is_help=True)


class AuditBrokenError(DomainError):
    """The signer's record is not what was written."""

    code = "audit_broken"


@app.callback()
def audit() -> None:
    """The signer's record of every decision."""


@app.command()
def verify(
    copies: Annotated[
        Path | None, typer.Option("--copies", help="Also compare with the copies in this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute the whole chain of the signer's record, and hold it against its copies."""
    from betting_signer.audit import copy_name, first_broken, first_different

    with opened_wallet() as opened:
        rows = opened.wallet_rows("betting_auditor")
        address = opened.wallet.address
        head = rows.head(address)
        lines = list(rows.audit(address, 1, head.audit_seq))
        broken, what = first_broken(lines, (head.audit_seq, head.audit_hash)), "entry"
        kept = _copies(opened, copies)
        if broken is None and kept is not None:
            names = (copy_name(address, seq) for seq in range(1, len(lines) + 1))
            found = [kept.read(name) for name in names]
            broken, what = first_different(lines, found), "copy"
            if broken is not None and found[broken - 1] is None:
                raise AuditBrokenError(f"copy {broken} of the audit of {address} is missing")
        if broken is None and (more := _beyond(rows, kept, address, len(lines))):
            broken, what = len(lines) + 1, more
    if broken is not None:
        raise AuditBrokenError(f"{what} {broken} of the audit of {address} is not what was written")
    told = {"address": address, "entries": len(lines), "copies": kept is not None}
    beside = ", and so are their copies" if kept is not None else "; no copies were compared"
    said(as_json, told, f"{len(lines)} entries are as they were written{beside}.")


def _beyond(rows: Any, kept: Any, address: str, last: int) -> str | None:  # noqa: ANN401 - of either store
    """What follows the last entry though the head has not gone on: then the head was put back."""
    from betting_signer.audit import copy_name

    what = None
    if next(iter(rows.audit(address, last + 1, last + 1)), None) is not None:
        what = "entry"
    elif kept is not None and kept.read(copy_name(address, last + 1)) is not None:
        what = "copy"
    # The signer may have gone on meanwhile: head and entry come together, the copy after them.
    return what if what and rows.head(address).audit_seq <= last else None


def _copies(opened: App, folder: Path | None) -> Any:  # noqa: ANN401
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
