"""Ten days' announcements on one: every fact is there once, whatever came twice or in disorder."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from betting_ai.adapters.aws.inbox import S3Inbox
from betting_ai.adapters.aws.object_store import S3RawStore
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.roles import ensure_roles
from conftest import SHARED
from fakes.busy_day import BusyDay, facts_told, stored_facts
from functions.account import Account, Context
from infra.environments import INGEST_BATCH

TIMES = 10


@pytest.mark.shared
def test_ten_days_at_once_are_neither_lost_nor_doubled(account: Account) -> None:
    engine = connect(account.database_url)
    with engine.begin() as connection:
        ensure_roles(connection)
    day = BusyDay(SHARED, ("SC0",))
    role = make_url(account.database_url).set(username="betting_ingest_raw").render_as_string()
    function = account.function("ingest_raw", DATABASE_URL=role)
    raw, chance = S3RawStore(account.objects), random.Random(TIMES)  # noqa: S311 - a shuffle
    told, handed = 0, 0
    for payloads in day.history(TIMES), day.payloads(TIMES):
        before = {record["body"] for record in account.notices()["Records"]}
        for payload in payloads:
            raw.put(payload.content)
            S3Inbox(raw).announce(payload)
        records = [one for one in account.notices()["Records"] if one["body"] not in before]
        told += len(records)
        records += chance.sample(records, len(records) // 5)
        handed += len(records)
        chance.shuffle(records)
        for first in range(0, len(records), INGEST_BATCH):
            batch = {"Records": records[first : first + INGEST_BATCH]}
            answer = function.handler(batch, Context("ingest_raw"))
            assert answer == {"batchItemFailures": []}

    with engine.connect() as connection:
        events, prices = stored_facts(connection)
        logged = connection.execute(
            sa.text("SELECT status, count(*) FROM ingest_log GROUP BY 1")
        ).all()
    engine.dispose()
    expected_events, expected_prices = facts_told([*day.history(TIMES), *day.payloads(TIMES)])
    assert len(expected_prices) > 20_000
    assert np.array_equal(events, expected_events)
    assert np.array_equal(prices, expected_prices)
    assert dict(logged) == {"stored": told, "unchanged": handed - told}
