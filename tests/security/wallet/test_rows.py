"""What whoever reaches the chain keeps in managed tables, while the signer writes beside it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from betting_ai.adapters.wallet.dynamo import DynamoRows
from betting_signer.contract import Signed
from betting_signer.store import UnavailableError
from fakes.aws import FakeAws
from security.signer.world import dearer, intent, on_dynamo, quote


class Contended:
    """A client some of whose readings meet a writing of the same row, as the service tells it."""

    def __init__(self, client: Any, times: int) -> None:
        self.client, self.left = client, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def transact_get_items(self, **asked: Any) -> Any:
        if self.left:
            self.left -= 1
            told = {
                "Error": {"Code": "TransactionCanceledException", "Message": ""},
                "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
            }
            raise ClientError(told, "TransactGetItems")  # type: ignore[arg-type]
        return self.client.transact_get_items(**asked)


def test_attempts_are_read_while_the_signer_writes_one(aws: FakeAws) -> None:
    world = on_dynamo(aws)
    wish = world.put(intent())
    asked = quote(wish)
    made = [world.signer().sign(one.dumps()) for one in (asked, dearer(asked, wish))]
    assert all(isinstance(one, Signed) for one in made)
    for times in (0, 1, 2):
        rows = DynamoRows(Contended(world.store.client, times), world.store.tables)
        assert rows.signatures(wish.intent_id) == made


def test_what_is_always_written_is_told_as_not_to_be_read_now(aws: FakeAws) -> None:
    world = on_dynamo(aws)
    rows = DynamoRows(Contended(world.store.client, 99), world.store.tables)
    with pytest.raises(UnavailableError):
        rows.signatures("intent")
