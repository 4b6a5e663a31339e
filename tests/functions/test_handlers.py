"""Each function on its own, with its sample events, and what it does with bad ones."""

from __future__ import annotations

import io
import itertools
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from betting_ai.adapters.aws.inbox import S3Inbox
from betting_ai.adapters.aws.object_store import S3RawStore
from betting_ai.adapters.aws.secrets import ManagedSecrets
from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.roles import ROLES
from betting_ai.errors import FeedOfflineError, InvalidInputError
from betting_ai.observability import configure
from betting_ai.ports.feeds import Payload, PayloadKind
from fakes.season_site import season_site
from functions.account import FUNCTIONS, ROOT_SECRET, Account, Context, event

SEASON = b"""Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,AvgH,AvgD,AvgA
E0,16/08/2024,20:00,Man United,Fulham,1,0,H,1.6,4.2,5.25,1.62,4.2,5.2
E0,17/08/2024,12:30,Ipswich,Liverpool,0,2,A,8.5,5.5,1.33,8.1,5.6,1.34
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    season = tmp_path / "site" / "2425"
    season.mkdir(parents=True)
    (season / "E0.csv").write_bytes(SEASON)
    return season.parent


def rows(account: Account, sql: str) -> list[dict[str, Any]]:
    engine = connect(account.database_url)
    with engine.connect() as connection:
        answer = connection.execute(sa.text(sql))
        found = [dict(row) for row in answer.mappings()] if answer.returns_rows else []
        connection.commit()
    engine.dispose()
    return found


def metrics(out: str, name: str) -> list[float]:
    """The values that CloudWatch would read from a log."""
    found = []
    for line in out.splitlines():
        told = json.loads(line)
        if "_aws" in told and name in told:
            value = told[name]
            found += value if isinstance(value, list) else [value]
    return found


def test_every_function_has_a_handler_and_sample_events() -> None:
    for folder in FUNCTIONS.iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            names = {path.name for path in folder.iterdir()} - {"__pycache__"}
            assert names == {"handler.py", "events"}
            assert list((folder / "events").glob("*.json"))
            assert len((folder / "handler.py").read_text().splitlines()) < 80


def test_what_is_fetched_reaches_the_database(
    account: Account, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with season_site(folder) as site:
        told = account.invoke(
            "fetch_feeds",
            event("fetch_feeds", "results"),
            BETTING_AI_SITE_URL=site.url,
            BETTING_AI_LEAGUES="E0",
        )
        assert told == {
            "at": "2025-03-16T06:00:00+00:00",
            "payloads": {"football_data": 1},
            "failed": [],
        }
        # The same again is no news: neither travels nor is announced.
        again = account.invoke("fetch_feeds", event("fetch_feeds", "results"))
    assert again["payloads"] == {"football_data": 1}
    [name] = account.objects.names("inbox/")
    assert name.startswith("inbox/0-season/football_data/2425/E0.csv/")

    answer = account.invoke("ingest_raw", account.notices())
    assert answer == {"batchItemFailures": []}
    assert rows(account, "SELECT count(*) AS n FROM events") == [{"n": 2}]
    assert account.invoke("ingest_raw", account.notices()) == {"batchItemFailures": []}
    assert rows(account, "SELECT status, count(*) AS n FROM ingest_log GROUP BY 1 ORDER BY 1") == [
        {"status": "stored", "n": 1},
        {"status": "unchanged", "n": 1},
    ]
    out = capsys.readouterr().out
    assert metrics(out, "PayloadsFetched") == [1, 1]
    assert metrics(out, "PayloadsStored") == [1, 0]


def test_a_feed_that_is_down_is_told_to_whoever_tries_again(
    account: Account, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with season_site(folder) as site:
        site.down = True
        with pytest.raises(FeedOfflineError):
            account.invoke(
                "fetch_feeds",
                event("fetch_feeds", "results"),
                BETTING_AI_SITE_URL=site.url,
                BETTING_AI_LEAGUES="E0",
            )
    assert account.objects.names("") == []
    assert metrics(capsys.readouterr().out, "FeedFailed") == [1]


def test_one_bad_message_does_not_hold_up_the_others(account: Account) -> None:
    raw = S3RawStore(account.objects)
    came = datetime(2025, 3, 15, 7, tzinfo=UTC)
    good = Payload("football_data", "2425/E0.csv", PayloadKind.SEASON, SEASON, came, "E0", 2024)
    raw.put(good.content)
    S3Inbox(raw).announce(good)
    batch = account.notices()
    poison = event("ingest_raw", "poison")["Records"]
    batch["Records"] = [
        poison[0] | {"messageId": "p0"},
        poison[1] | {"messageId": "p1"},
        *batch["Records"],
    ]
    answer = account.invoke("ingest_raw", batch)
    assert {one["itemIdentifier"] for one in answer["batchItemFailures"]} == {"p0", "p1"}
    assert rows(account, "SELECT count(*) AS n FROM events") == [{"n": 2}]


def test_the_order_of_arrival_does_not_matter(account: Account) -> None:
    """Before the match, after it, and with its counts: what is stored is the same in any order."""
    before = SEASON.replace(b"1,0,H", b",,").replace(b",1.62,4.2,5.2", b",,,")
    counted = SEASON.replace(b"FTR,", b"FTR,HS,AS,").replace(b"1,0,H,", b"1,0,H,14,10,")
    counted = counted.replace(b"0,2,A,", b"0,2,A,7,18,")
    raw, texts = S3RawStore(account.objects), (before, SEASON, counted)
    for day, text in enumerate(texts, 15):
        came = datetime(2024, 8, day, 23, tzinfo=UTC)
        one = Payload("football_data", "2425/E0.csv", PayloadKind.SEASON, text, came, "E0", 2024)
        raw.put(one.content)
        S3Inbox(raw).announce(one)
    records = account.notices()["Records"]
    stored = []
    for order in itertools.permutations(records):
        rows(
            account,
            "SET LOCAL betting_ai.maintenance = 'on';"
            "TRUNCATE events, odds, results, ingest_log CASCADE",
        )
        for record in order:
            answer = account.invoke("ingest_raw", {"Records": [record]})
            assert answer == {"batchItemFailures": []}
        stored.append(
            (
                rows(account, "SELECT slug, kickoff FROM events ORDER BY slug"),
                rows(account, "SELECT event_id, goals_home, shots_home FROM results ORDER BY 1"),
                rows(account, "SELECT event_id, quoted_at, book_id, market, line, selection, price"
                              " FROM odds ORDER BY 1, 2, 3, 4, 5, 6, 7"),
            )
        )  # fmt: skip
    assert {(one["goals_home"], one["shots_home"]) for one in stored[0][1]} == {(1, 14), (0, 7)}
    for one in stored[1:]:
        assert one == stored[0]


def test_a_payload_that_nobody_can_read_is_refused_and_does_not_come_again(
    account: Account,
) -> None:
    raw = S3RawStore(account.objects)
    came = datetime(2025, 3, 15, 7, tzinfo=UTC)
    bad = Payload("football_data", "2425/E0.csv", PayloadKind.SEASON, b"<html>", came, "E0", 2024)
    raw.put(bad.content)
    S3Inbox(raw).announce(bad)
    assert account.invoke("ingest_raw", account.notices()) == {"batchItemFailures": []}
    assert rows(account, "SELECT status FROM ingest_log") == [{"status": "refused"}]


def test_the_line_is_tried_before_the_first_notice(account: Account) -> None:
    answer = account.invoke("ingest_raw", event("ingest_raw", "test_notice"))
    assert answer == {"batchItemFailures": []}


def test_without_a_database_every_message_comes_again(account: Account) -> None:
    raw = S3RawStore(account.objects)
    came = datetime(2025, 3, 15, 7, tzinfo=UTC)
    good = Payload("football_data", "2425/E0.csv", PayloadKind.SEASON, SEASON, came, "E0", 2024)
    raw.put(good.content)
    S3Inbox(raw).announce(good)
    nowhere = "postgresql://nobody@127.0.0.1:9/none?connect_timeout=1"
    answer = account.invoke("ingest_raw", account.notices(), DATABASE_URL=nowhere)
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == ["message-0"]


def test_people_are_told_of_a_slate_once(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("slate", "twice", "slate"):
        assert account.invoke("send_alerts", event("send_alerts", name)) == {
            "batchItemFailures": []
        }
    [text] = account.mails()
    assert "Forest" in text
    out = capsys.readouterr().out
    assert sum(metrics(out, "AlertsSent")) == 1
    assert sum(metrics(out, "AlertsRepeated")) == 3


def test_what_is_no_slate_comes_again_and_the_slate_beside_it_is_told(account: Account) -> None:
    poison = event("send_alerts", "poison")
    answer = account.invoke("send_alerts", poison)
    assert answer == {"batchItemFailures": [{"itemIdentifier": poison["Records"][0]["messageId"]}]}
    assert len(account.mails()) == 1


def test_a_topic_that_does_not_take_it_loses_nothing(account: Account) -> None:
    sample = event("send_alerts", "slate")
    answer = account.invoke("send_alerts", sample, BETTING_AI_SNS_TOPIC=account.topic + "-gone")
    assert len(answer["batchItemFailures"]) == 1
    answer = account.invoke("send_alerts", sample, BETTING_AI_SNS_TOPIC=account.topic)
    assert answer == {"batchItemFailures": []}
    assert len(account.mails()) == 1


@pytest.mark.usefixtures("event_loop")
def test_the_api_answers_the_gateway(account: Account) -> None:
    function = account.function("api")

    def ask(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = function.handler(event("api", name), Context("api"))
        return answer

    assert ask("health")["statusCode"] == 200
    assert (ask("top3")["statusCode"], ask("unknown_host")["statusCode"]) == (401, 421)


def test_an_empty_database_is_brought_up_with_its_roles(account: Account) -> None:
    told = account.invoke("migrate_db", event("migrate_db", "upgrade"))
    assert told["exit_code"] == 0
    assert set(told["output"]["roles"]) == {role.name for role in ROLES}


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("yesterday", "no instant"),
        ("2025-03-15T08:00:00", "time zone"),
        ("2999-01-01T00:00:00Z", "to come"),
        (5, "no instant"),
    ],
)
def test_an_instant_that_cannot_be_is_refused(account: Account, at: object, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        account.invoke("settle_picks", {"at": at})


@pytest.mark.usefixtures("event_loop")
def test_a_secret_that_is_read_is_in_no_line_of_the_log(account: Account) -> None:
    """Whatever level is asked for: AWS's own library tells all that it is answered."""
    account.function("api")  # sets up what it needs
    stream = io.StringIO()
    configure("DEBUG", stream=stream)
    found = ManagedSecrets(account.settings["BETTING_AI_SECRETS_ID"]).text("root_secret")
    logging.getLogger("betting_ai").debug("it is told")
    assert found == ROOT_SECRET
    assert "it is told" in stream.getvalue()
    assert ROOT_SECRET not in stream.getvalue()
