"""The desk's rows in DynamoDB, beside the signer's tables.

The table of transfers is keyed by ``id``: ``transfer#<intent>`` (``body``, ``version``),
``balance#<address>`` (``body``, ``block``), and ``board`` with the sets ``open`` and ``lapsed``.
The board is one item so that what is open is read as it is, without looking at what is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from betting_signer.contract import Signed
from betting_signer.dynamo import DynamoStore
from betting_signer.store import ConflictError, UnavailableError

_BOARD: Final = {"id": {"S": "board"}}
_AT_ONCE: Final = 16
"""Attempts that are asked for together; not each of them need have been signed."""

_TRIES: Final = 4
"""Of a reading that meets a writing."""


@dataclass(frozen=True)
class DynamoRows(DynamoStore):
    """`betting_ai.adapters.wallet.desk.Rows`.

    Attributes:
        transfers: name of the table of transfers.
    """

    transfers: str = "transfers"

    def holds_quote(self, intent_id: str, quote_id: str) -> bool:
        """Whether a quote was put, and is not gone with its time."""
        return self._get(self.tables.quotes, {"id": f"{intent_id}#{quote_id}"}) is not None

    def signatures(self, intent_id: str) -> list[Signed]:
        """All that was signed for an intent, in order of the attempts."""
        found: list[Signed] = []
        first = 0
        while True:
            keys = [
                {"Get": {"TableName": self.tables.signed, "Key": {"id": {"S": f"{intent_id}#{n}"}}}}
                for n in range(first, first + _AT_ONCE)
            ]
            answers = self._together(keys)
            items = [one["Item"] for one in answers if one.get("Item")]
            found += [Signed.loads(item["body"]["S"]) for item in items]
            # Beyond a long row in which nothing was signed there is nothing.
            if not items:
                return found
            first += _AT_ONCE

    def _together(self, keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows as they are at one moment; the signer may be writing one of them."""
        for _ in range(_TRIES):
            try:
                answers = self._call("transact_get_items", TransactItems=keys)
            except ConflictError:
                continue
            found: list[dict[str, Any]] = answers["Responses"]
            return found
        raise UnavailableError("the tables")

    def new_intents(self) -> list[str]:
        """None: the stream of intents tells of each."""
        return []

    def listed(self) -> tuple[list[str], list[str]]:
        """Ids of what is open or not reported yet, and of what lapsed."""
        told = self._call(
            "get_item", TableName=self.transfers, Key=_BOARD, ConsistentRead=True
        ).get("Item", {})
        ids, lapsed = (sorted(told.get(name, {}).get("SS", ())) for name in ("open", "lapsed"))
        return ids, lapsed

    def list_open(self, transfer_id: str) -> None:
        """Take an id among the open ones."""
        self._board("ADD #open :ids DELETE #lapsed :ids", transfer_id)

    def unlist(self, transfer_id: str, *, lapsed: bool) -> None:
        """Take an id out of both; among the lapsed where it is one."""
        change = "DELETE #open :ids " + ("ADD #lapsed :ids" if lapsed else ", #lapsed :ids")
        self._board(change.replace(" ,", ","), transfer_id)

    def _board(self, change: str, transfer_id: str) -> None:
        self._call(
            "update_item",
            TableName=self.transfers,
            Key=_BOARD,
            UpdateExpression=change,
            ExpressionAttributeNames={"#open": "open", "#lapsed": "lapsed"},
            ExpressionAttributeValues={":ids": {"SS": [transfer_id]}},
        )

    def row(self, transfer_id: str) -> tuple[int, str] | None:
        """(version, text) of a state."""
        found = self._get(self.transfers, {"id": f"transfer#{transfer_id}"})
        return (int(found["version"]), found["body"]) if found else None

    def put_row(self, transfer_id: str, version: int, body: str) -> None:
        """Keep a state, if the one before it is a version older."""
        item = {
            "id": {"S": f"transfer#{transfer_id}"},
            "version": {"N": str(version)},
            "body": {"S": body},
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(id)"}
        if version > 1:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": {":before": {"N": str(version - 1)}},
            }
        self._call("put_item", TableName=self.transfers, Item=item, **condition)

    def put_balance(self, address: str, block: int, body: str) -> None:
        """Keep balances, where there are none of a later block."""
        item = {
            "id": {"S": f"balance#{address}"},
            "block": {"N": str(block)},
            "body": {"S": body},
        }
        try:
            self._call(
                "put_item",
                TableName=self.transfers,
                Item=item,
                ConditionExpression="attribute_not_exists(id) OR #block <= :block",
                ExpressionAttributeNames={"#block": "block"},
                ExpressionAttributeValues={":block": {"N": str(block)}},
            )
        except ConflictError:
            return

    def balance(self, address: str) -> str | None:
        """Balances as they were kept."""
        found = self._get(self.transfers, {"id": f"balance#{address}"})
        return found["body"] if found else None
