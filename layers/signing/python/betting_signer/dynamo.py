"""The signer's state in DynamoDB, and the copies of its audit in S3.

Five tables, each keyed by one string:

=============  ===========================  =====================================================
table          key                          attributes
=============  ===========================  =====================================================
``intents``    ``id``                       ``body``, ``stamp``
``approvals``  ``request_hash``             ``body``, ``used`` (once it is used up)
``quotes``     ``id``: intent ``#`` quote   ``body``, ``expires`` (TTL)
``signed``     ``id``: intent ``#`` attempt ``body``; also intent ``#refused``, the last refusal
``signer``     ``pk``                       ``body``, ``version``, ``intent_id``; see below
=============  ===========================  =====================================================

``body`` is always the one JSON text of a document of the contract. ``signer`` holds ``control``,
``policy``, ``head#<address>``, ``audit#<address>#<number>``, ``reservation#<intent>`` and
``nonce#<address>#<chain>#<nonce>``, so that roles can be told apart by leading keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from betting_signer.contract import QUOTE_LIFE, Approval, Intent, Quote, Refused, Signed
from betting_signer.state import Control, Head, Reservation
from betting_signer.store import Commit, ConflictError, UnavailableError

_FIRST: Final = frozenset({"ConditionalCheckFailed", "TransactionConflict", "None"})
_LOST: Final = frozenset(
    {
        "ConditionalCheckFailedException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


@dataclass(frozen=True)
class Tables:
    """Names of the tables."""

    intents: str = "intents"
    approvals: str = "approvals"
    quotes: str = "quotes"
    signed: str = "signed"
    signer: str = "signer"


@dataclass(frozen=True)
class DynamoStore:
    """`betting_signer.store.Store` and `betting_signer.store.Desk`; any number of threads.

    Attributes:
        client: of DynamoDB.
        tables: their names.
    """

    client: Any
    tables: Tables

    def intent(self, intent_id: str) -> tuple[str, str] | None:
        """(text, stamp) of an intent as it was put."""
        found = self._get(self.tables.intents, {"id": intent_id})
        return (found.get("body", ""), found.get("stamp", "")) if found else None

    def approval(self, request_hash: str) -> tuple[str, bool] | None:
        """(text, whether it was used) of the approval of a request."""
        found = self._get(self.tables.approvals, {"request_hash": request_hash})
        return (found.get("body", ""), "used" in found) if found else None

    def control(self) -> str | None:
        """The text of the switch."""
        return self._body("control")

    def policy(self) -> str | None:
        """The text of the policy."""
        return self._body("policy")

    def head(self, address: str) -> Head:
        """The head of a wallet."""
        text = self._body(_head(address))
        return Head(address) if text is None else Head.loads(text, limit=None)

    def reservation(self, intent_id: str) -> Reservation | None:
        """What an intent has reserved."""
        text = self._body(_reservation(intent_id))
        return None if text is None else Reservation.loads(text)

    def holder(self, address: str, chain_id: int, nonce: int) -> str | None:
        """Id of the intent that a nonce belongs to."""
        found = self._get(self.tables.signer, {"pk": _nonce(address, chain_id, nonce)})
        return found["intent_id"] if found else None

    def commit(self, commit: Commit) -> None:
        """Keep a decision in one transaction."""
        head = commit.head
        actions = [
            self._next(_head(head.address), head.dumps(), head.version),
            self._put({"pk": _audit(head.address, head.audit_seq), "body": commit.line}, "pk"),
        ]
        if commit.reservation is not None:
            actions += self._reserving(commit.reservation)
        if commit.uses_approval is not None:
            update = {
                "TableName": self.tables.approvals,
                "Key": _written({"request_hash": commit.uses_approval}),
                "UpdateExpression": "SET used = :yes",
                "ConditionExpression": "attribute_exists(body) AND attribute_not_exists(used)",
                "ExpressionAttributeValues": {":yes": {"BOOL": True}},
            }
            actions.append({"Update": update})
        if commit.unsigned is not None and commit.reservation is not None:
            check = {
                "TableName": self.tables.signed,
                "Key": _written({"id": f"{commit.reservation.intent_id}#{commit.unsigned}"}),
                "ConditionExpression": "attribute_not_exists(id)",
            }
            actions.append({"ConditionCheck": check})
        if commit.refused is not None:
            row = {"id": _refused(commit.refused.intent_id), "body": commit.refused.dumps()}
            put = {"TableName": self.tables.signed, "Item": _written(row)}
            actions.append({"Put": put})
        self._transact(actions)

    def signed(self, intent_id: str, attempt: int) -> Signed | None:
        """What was signed as an attempt of an intent."""
        found = self._get(self.tables.signed, {"id": f"{intent_id}#{attempt}"})
        return Signed.loads(found["body"]) if found else None

    def put_signed(self, signed: Signed, version: int) -> None:
        """Keep a signature, once, if the reservation is still of its version."""
        row = {"id": f"{signed.intent_id}#{signed.attempt}", "body": signed.dumps()}
        check = {
            "TableName": self.tables.signer,
            "Key": _written({"pk": _reservation(signed.intent_id)}),
            "ConditionExpression": "version = :version",
            "ExpressionAttributeValues": {":version": {"N": str(version)}},
        }
        self._transact([self._put(row, "id", self.tables.signed), {"ConditionCheck": check}])

    def refused(self, intent_id: str) -> Refused | None:
        """Why an intent was refused last."""
        found = self._get(self.tables.signed, {"id": _refused(intent_id)})
        return Refused.loads(found["body"]) if found else None

    def audit(self, address: str, first: int, last: int) -> Iterator[str]:
        """Lines of the audit, from one number to another."""
        for seq in range(first, last + 1):
            line = self._body(_audit(address, seq))
            if line is None:
                return
            yield line

    def put_intent(self, intent: Intent, stamp: str) -> bool:
        """Put an intent, once."""
        row = {"id": intent.intent_id, "body": intent.dumps(), "stamp": stamp}
        return self._once(self.tables.intents, row, "id")

    def put_approval(self, approval: Approval) -> bool:
        """Put an approval, once."""
        row = {"request_hash": approval.request_hash, "body": approval.dumps()}
        return self._once(self.tables.approvals, row, "request_hash")

    def put_quote(self, quote: Quote) -> bool:
        """Put a quote, once."""
        expires = int((quote.observed_at + QUOTE_LIFE).timestamp())
        name = f"{quote.intent_id}#{quote.quote_id}"
        return self._once(
            self.tables.quotes, {"id": name, "body": quote.dumps(), "expires": expires}, "id"
        )

    def set_policy(self, text: str) -> None:
        """Put a policy."""
        self._set({"pk": "policy", "body": text})

    def set_control(self, control: Control) -> None:
        """Turn the switch."""
        self._set({"pk": "control", "body": control.dumps()})

    def _reserving(self, held: Reservation) -> list[dict[str, Any]]:
        actions = [self._next(_reservation(held.intent_id), held.dumps(), held.version)]
        if held.version == 1:
            name = _nonce(held.address, held.chain_id, held.nonce)
            actions.append(self._put({"pk": name, "intent_id": held.intent_id}, "pk"))
        return actions

    def _next(self, name: str, body: str, version: int) -> dict[str, Any]:
        """Put what is a version newer than what there is."""
        row = {"pk": name, "body": body, "version": version}
        if version == 1:
            return self._put(row, "pk")
        put = {
            "TableName": self.tables.signer,
            "Item": _written(row),
            "ConditionExpression": "version = :before",
            "ExpressionAttributeValues": {":before": {"N": str(version - 1)}},
        }
        return {"Put": put}

    def _put(self, row: Mapping[str, Any], key: str, table: str | None = None) -> dict[str, Any]:
        """Put what there is not yet."""
        put = {
            "TableName": table or self.tables.signer,
            "Item": _written(row),
            "ConditionExpression": f"attribute_not_exists({key})",
        }
        return {"Put": put}

    def _once(self, table: str, row: Mapping[str, Any], key: str) -> bool:
        put = self._put(row, key, table)["Put"]
        try:
            self._call("put_item", **put)
        except ConflictError:
            return False
        return True

    def _set(self, row: Mapping[str, Any]) -> None:
        self._call("put_item", TableName=self.tables.signer, Item=_written(row))

    def _body(self, name: str) -> str | None:
        found = self._get(self.tables.signer, {"pk": name})
        return found.get("body", "") if found else None

    def _get(self, table: str, key: Mapping[str, str]) -> dict[str, str] | None:
        """A row; what is neither text nor number in it, as others may have put it, is empty."""
        answer = self._call("get_item", TableName=table, Key=_written(key), ConsistentRead=True)
        if "Item" not in answer:
            return None
        row = answer["Item"].items()
        return {name: value.get("S", value.get("N", "")) for name, value in row}

    def _transact(self, actions: list[dict[str, Any]]) -> None:
        self._call("transact_write_items", TransactItems=actions)

    def _call(self, name: str, **asked: Any) -> Any:  # noqa: ANN401
        """One call, whose failures are of two kinds."""
        lost = False
        try:
            return getattr(self.client, name)(**asked)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            reasons = {one.get("Code") for one in error.response.get("CancellationReasons", ())}
            lost = code in _LOST or (code == "TransactionCanceledException" and reasons <= _FIRST)
        except BotoCoreError:
            pass
        if lost:
            raise ConflictError("another was first")
        raise UnavailableError("the tables")


@dataclass(frozen=True)
class S3Copies:
    """A bucket with object lock, whose default retention holds for every copy.

    Attributes:
        client: of S3.
        bucket: its name; to tell what is missing from what is forbidden, it must be listable.
    """

    client: Any
    bucket: str

    def read(self, name: str) -> bytes | None:
        """A copy, where there is one."""
        try:
            found: bytes = self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise UnavailableError("copies") from None
        except BotoCoreError:
            raise UnavailableError("copies") from None
        return found

    def put(self, name: str, content: bytes) -> bool:
        """Keep a copy, once."""
        try:
            self.client.put_object(
                Bucket=self.bucket,
                Key=name,
                Body=content,
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "PreconditionFailed":
                return False
            raise UnavailableError("copies") from None
        except BotoCoreError:
            raise UnavailableError("copies") from None
        return True


def _refused(intent_id: str) -> str:
    return f"{intent_id}#refused"


def _head(address: str) -> str:
    return f"head#{address}"


def _audit(address: str, seq: int) -> str:
    return f"audit#{address}#{seq:012d}"


def _reservation(intent_id: str) -> str:
    return f"reservation#{intent_id}"


def _nonce(address: str, chain_id: int, nonce: int) -> str:
    return f"nonce#{address}#{chain_id}#{nonce}"


def _written(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in the words of DynamoDB: text and whole numbers."""
    return {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in row.items()
    }
