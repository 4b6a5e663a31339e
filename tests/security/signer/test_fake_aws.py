"""The stand-in for AWS keeps its conditions and transactions under load, and outlives clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

from fakes.aws import CREDENTIALS, FakeAws
from security.signer.world import at_once, dynamo_tables


def spending(aws: FakeAws, table: str, cap: int) -> list[bool]:
    """Fifty transactions at once, each of which spends one of a cap and writes a row."""
    client = aws.client("dynamodb", attempts=1)
    client.put_item(TableName=table, Item={"pk": {"S": "spent"}, "sum": {"N": "0"}})

    def spend(number: int) -> bool:
        update = {
            "TableName": table,
            "Key": {"pk": {"S": "spent"}},
            "UpdateExpression": "SET #sum = #sum + :one",
            "ConditionExpression": "#sum < :cap",
            "ExpressionAttributeNames": {"#sum": "sum"},
            "ExpressionAttributeValues": {":one": {"N": "1"}, ":cap": {"N": str(cap)}},
        }
        put = {
            "TableName": table,
            "Item": {"pk": {"S": f"spender-{number}"}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        try:
            client.transact_write_items(TransactItems=[{"Update": update}, {"Put": put}])
        except client.exceptions.TransactionCanceledException:
            return False
        return True

    return at_once(spend, list(range(50)))


def test_fifty_racing_transactions_meet_a_cap_exactly(aws: FakeAws) -> None:
    table = dynamo_tables(aws).signer
    assert sum(spending(aws, table, 20)) == 20
    client = aws.client("dynamodb")
    items = client.scan(TableName=table, ConsistentRead=True)["Items"]
    assert len(items) == 21
    assert {"pk": {"S": "spent"}, "sum": {"N": "20"}} in items


def test_a_transaction_that_fails_leaves_nothing_of_itself(aws: FakeAws) -> None:
    client, table = aws.client("dynamodb"), dynamo_tables(aws).signer
    there = {"pk": {"S": "there"}}
    client.put_item(TableName=table, Item=there)
    only_new = {"TableName": table, "ConditionExpression": "attribute_not_exists(pk)"}
    actions = [
        {"Put": {"Item": {"pk": {"S": "new"}}, **only_new}},
        {"Put": {"Item": there, **only_new}},
    ]
    with pytest.raises(ClientError) as raised:
        client.transact_write_items(TransactItems=actions)
    reasons = [one["Code"] for one in raised.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed"]
    assert client.scan(TableName=table)["Items"] == [there]


def test_it_outlives_a_client_that_is_killed(aws: FakeAws) -> None:
    table = dynamo_tables(aws).signer
    work = (
        "import boto3, itertools, sys\n"
        f"c = boto3.client('dynamodb', endpoint_url={aws.url!r}, **{CREDENTIALS!r})\n"
        "for n in itertools.count():\n"
        f"    c.put_item(TableName={table!r}, Item={{'pk': {{'S': str(n)}}}})\n"
        "    print(n, flush=True)\n"
    )
    client = subprocess.Popen([sys.executable, "-c", work], stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    written = [int(client.stdout.readline()) for _ in range(5)][-1]
    client.send_signal(signal.SIGKILL)
    client.wait()
    client.stdout.close()
    os.kill(aws.pid, 0)  # it is there
    rows = aws.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    assert len(rows) >= written + 1
    assert sum(spending(aws, table, 7)) == 7
