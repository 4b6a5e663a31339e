"""Notes in a DynamoDB table."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from betting_ai.adapters.aws.clients import FAILURES, client, told
from betting_ai.errors import InvalidInputError, StorageUnavailableError

_NOTE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,200}")
_MOST_BYTES: Final = 390 * 1024  # an item has at most 400 KB


@dataclass(frozen=True)
class DynamoNotes:
    """`betting_ai.ports.object_store.NoteStore`; what was written is read at once everywhere.

    Attributes:
        table: its name; its key is ``name``.
    """

    table: str
    _dynamo: Any = field(default_factory=lambda: client("dynamodb"), repr=False)

    def read(self, name: str) -> bytes | None:
        """The note of a name, or None.

        Raises:
            StorageUnavailableError: DynamoDB cannot be reached, or refuses.
        """
        key = {"name": {"S": _checked(name)}}
        try:
            found = self._dynamo.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        except FAILURES as error:
            raise self._unavailable(error) from error
        item = found.get("Item")
        return None if item is None else bytes(item["content"]["B"])

    def write(self, name: str, content: bytes) -> None:
        """Replace the note as a whole.

        Raises:
            InvalidInputError: it is too long for an item.
            StorageUnavailableError: DynamoDB cannot be reached, or refuses.
        """
        if len(content) > _MOST_BYTES:
            raise InvalidInputError(f"a note has at most {_MOST_BYTES:,} bytes, not {len(content)}")
        item = {"name": {"S": _checked(name)}, "content": {"B": content}}
        try:
            self._dynamo.put_item(TableName=self.table, Item=item)
        except FAILURES as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> StorageUnavailableError:
        return StorageUnavailableError(f"the table of notes cannot be used: {told(error)}")


def _checked(name: str) -> str:
    if not _NOTE.fullmatch(name):
        raise InvalidInputError(f"{name!r} is no name of a note")
    return name
