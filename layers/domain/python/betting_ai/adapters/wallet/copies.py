"""Which copies of the signer's audit there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from betting_signer.copies import FolderCopies
from betting_signer.store import UnavailableError

if TYPE_CHECKING:
    from betting_signer.dynamo import S3Copies


def copy_names(copies: FolderCopies | S3Copies, address: str) -> list[str]:
    """Names of all copies of a wallet, in order; not of what is still being written.

    Raises:
        UnavailableError: they cannot be listed.
    """
    folder = f"audit/{address}/"
    if isinstance(copies, FolderCopies):
        try:
            return sorted(f"{folder}{path.name}" for path in (copies.root / folder).glob("*.json"))
        except OSError:
            raise UnavailableError("copies") from None
    from betting_ai.adapters.aws.clients import FAILURES  # noqa: PLC0415 - AWS alone

    try:
        pages = copies.client.get_paginator("list_objects_v2").paginate(
            Bucket=copies.bucket, Prefix=folder
        )
        return sorted(one["Key"] for page in pages for one in page.get("Contents", ()))
    except FAILURES:
        raise UnavailableError("copies") from None
