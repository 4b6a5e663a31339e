"""Where things are kept, on this machine and in AWS: the same promises, each kept by both."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws

from betting_ai.adapters.aws import clients
from betting_ai.adapters.aws.inbox import S3Inbox
from betting_ai.adapters.aws.model_shelf import CANDIDATES, S3ModelShelf
from betting_ai.adapters.aws.model_store import S3ModelStore
from betting_ai.adapters.aws.notes import DynamoNotes
from betting_ai.adapters.aws.object_store import S3Objects, S3RawStore
from betting_ai.adapters.aws.once import DynamoOnce
from betting_ai.adapters.aws.secrets import ManagedSecrets
from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.adapters.local.once import NotedOnce
from betting_ai.adapters.local.secrets import LocalSecrets
from betting_ai.errors import (
    AlreadyRunningError,
    InvalidInputError,
    ModelMissingError,
    ObjectDamagedError,
    ObjectMissingError,
    SecretError,
    StorageUnavailableError,
)
from betting_ai.ports.feeds import Payload, PayloadKind
from betting_ai.ports.model_store import ModelStore
from betting_ai.ports.object_store import NoteStore, RawStore
from betting_ai.ports.once import Once
from betting_ai.ports.secrets import Secrets

BUCKET, NOTES, ONCE = "kept", "notes", "once"
CAME = datetime(2025, 3, 15, 8, tzinfo=UTC)
EVERYWHERE = pytest.mark.parametrize("where", ["here", "aws"])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with a bucket and two tables."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clients.client.cache_clear()
    with mock_aws():
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        for table, key in ((NOTES, "name"), (ONCE, "id")):
            boto3.client("dynamodb").create_table(
                TableName=table,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield
    clients.client.cache_clear()


@pytest.fixture
def kept(where: str, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """(raw store, notes, once, a change of a raw object behind the store's back)."""
    if where == "here":
        local = LocalObjectStore(tmp_path)

        def damage(sha256: str, content: bytes) -> None:
            (tmp_path / "raw" / sha256[:2] / sha256).write_bytes(content)

        return local, local, NotedOnce(local, "alert"), damage
    request.getfixturevalue("aws")
    objects = S3Objects(BUCKET)

    def spoil(sha256: str, content: bytes) -> None:
        objects.write(f"raw/{sha256[:2]}/{sha256}", content)

    return S3RawStore(objects), DynamoNotes(NOTES), DynamoOnce(ONCE, "alert"), spoil


@EVERYWHERE
def test_bytes_come_back_by_their_digest_and_verified(kept: Any) -> None:
    raw: RawStore = kept[0]
    name = raw.put(b"prices")
    assert raw.put(b"prices") == name
    assert raw.holds(name)
    assert raw.get(name) == b"prices"
    assert not raw.holds("0" * 64)
    with pytest.raises(ObjectMissingError):
        raw.get("0" * 64)
    for content in (b"", b"other", b"x\x9c"):
        kept[3](name, content)
        with pytest.raises(ObjectDamagedError):
            raw.get(name)


@EVERYWHERE
@pytest.mark.parametrize("name", ["", "../x", "A" * 64, "0" * 63])
def test_a_name_that_is_no_digest_leads_nowhere(kept: Any, name: str) -> None:
    raw: RawStore = kept[0]
    for ask in (raw.get, raw.holds, raw.discard):
        with pytest.raises(InvalidInputError):
            ask(name)


@EVERYWHERE
def test_notes_are_replaced_as_a_whole(kept: Any) -> None:
    notes: NoteStore = kept[1]
    assert notes.read("feed.state.json") is None
    for content in (b"first", b"", bytes(range(256)) * 40):
        notes.write("feed.state.json", content)
        assert notes.read("feed.state.json") == content
    assert notes.read("other") is None
    for name in ("", "a/b", "..", "Ä"):
        with pytest.raises(InvalidInputError):
            notes.write(name, b"")


@EVERYWHERE
def test_work_is_done_once_and_what_failed_again(kept: Any) -> None:
    once: Once = kept[2]
    done: list[str] = []

    def work() -> None:
        done.append("sent")

    def fail() -> None:
        raise OSError("the line is down")

    with pytest.raises(OSError, match="down"):
        once("slate", fail)
    assert once("slate", work)
    assert not once("slate", work)
    assert not once("slate", fail)
    assert once("another", work)
    assert done == ["sent", "sent"]


def test_while_one_works_another_is_told_so(aws: None) -> None:
    first, second = DynamoOnce(ONCE, "alert"), DynamoOnce(ONCE, "alert")
    done: list[str] = []

    def work() -> None:
        with pytest.raises(AlreadyRunningError):
            second("slate", lambda: done.append("twice"))
        done.append("once")

    assert first("slate", work)
    assert not second("slate", lambda: done.append("later"))
    assert done == ["once"]


def test_of_many_at_once_one_works(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    one_at_a_time, call = threading.Lock(), BaseClient._make_api_call

    def answered(*arguments: Any) -> Any:  # the stand-in knows no condition that others race for
        with one_at_a_time:
            return call(*arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", answered)
    begin = threading.Barrier(8)

    def ask(number: int) -> None:
        begin.wait()
        with contextlib.suppress(AlreadyRunningError):
            DynamoOnce(ONCE, "alert")("slate", lambda: done.append(number))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1


@pytest.fixture
def models(where: str, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """(store, how to put a file)."""
    if where == "here":

        def write(path: str, content: bytes) -> None:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)

        return FolderModelStore(tmp_path), write
    request.getfixturevalue("aws")
    return S3ModelStore(BUCKET, tmp_path / "cache"), S3Objects(BUCKET).write


@EVERYWHERE
def test_model_files_are_read_or_missing(models: tuple[ModelStore, Callable[..., Any]]) -> None:
    store, put = models
    with pytest.raises(ModelMissingError, match=r"match_result/1/manifest\.json"):
        store.read("match_result/1/manifest.json")
    put("match_result/1/manifest.json", b"{}\n\n")
    put("channels.json", b"")
    assert store.read("match_result/1/manifest.json") == b"{}\n\n"
    assert store.read("channels.json") == b""


class Calls:
    """S3 with a count, that can be switched off."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3")
        self.bodies = 0
        self.off = False

    def get_object(self, **asked: Any) -> Any:
        if self.off:
            return boto3.client("s3", endpoint_url="http://127.0.0.1:9").get_object(**asked)
        answer = self.s3.get_object(**asked)
        self.bodies += 1
        return answer


def test_a_model_travels_once_and_stays_at_hand(aws: None, tmp_path: Path) -> None:
    S3Objects(BUCKET).write("m/1/ensemble.onnx", b"graph")
    calls = Calls()

    def store() -> S3ModelStore:  # each as in a process of its own
        return S3ModelStore(BUCKET, tmp_path, calls)

    for _ in range(3):
        assert store().read("m/1/ensemble.onnx") == b"graph"
    assert calls.bodies == 1
    S3Objects(BUCKET).write("m/1/ensemble.onnx", b"repaired")
    assert store().read("m/1/ensemble.onnx") == b"repaired"
    assert calls.bodies == 2
    for spoilt in (b"", b"no head", b'{"etag": 1'):
        next(tmp_path.iterdir()).write_bytes(spoilt)
        assert store().read("m/1/ensemble.onnx") == b"repaired"
    with pytest.raises(ModelMissingError):
        store().read("m/1/other")


def test_without_s3_what_was_read_last_is_still_good(
    aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    S3Objects(BUCKET).write("channels.json", b"{}")
    calls = Calls()
    assert S3ModelStore(BUCKET, tmp_path, calls).read("channels.json") == b"{}"
    calls.off = True
    assert S3ModelStore(BUCKET, tmp_path, calls).read("channels.json") == b"{}"
    with pytest.raises(StorageUnavailableError, match="EndpointConnectionError"):
        S3ModelStore(BUCKET, tmp_path, calls).read("m/1/manifest.json")


def test_a_channel_is_changed_by_one_at_a_time(aws: None) -> None:
    shelf = S3ModelShelf(S3Objects(BUCKET))
    assert shelf.channels() == {}
    shelf.put_in_channel("match_result", "2025-06-30", "stable")
    shelf.put_in_channel("match_result", "2024-06-30", "stable")
    shelf.put_in_channel("over_under_2_5", "2025-06-30", "trial")
    shelf.put_in_channel("match_result", "2025-06-30", "stable")
    assert shelf.channels() == {
        "match_result": {"stable": ["2024-06-30", "2025-06-30"]},
        "over_under_2_5": {"trial": ["2025-06-30"]},
    }
    _, tag = shelf.objects.tagged("channels.json")
    assert shelf.objects.replace("channels.json", b"{}", tag)
    assert not shelf.objects.replace("channels.json", b"lost", tag)  # another was first
    assert not shelf.objects.replace("channels.json", b"lost", None)
    assert shelf.channels() == {}


def test_only_whole_candidates_wait(aws: None) -> None:
    shelf = S3ModelShelf(S3Objects(BUCKET))
    files = {"manifest.json": b"{}", "ensemble.onnx": b"graph"}
    shelf.put("match_result", "2025-06-30", files, CANDIDATES)
    shelf.put("match_result", "2024-06-30", files)
    shelf.objects.write("candidates/match_result/2025-07-31/ensemble.onnx", b"half")
    # Who reads a candidate makes files of its names.
    shelf.objects.write("candidates/match_result/2025-06-30/deeper/ensemble.onnx", b"elsewhere")
    assert shelf.candidates() == [("match_result", "2025-06-30")]
    assert shelf.files("match_result", "2025-06-30", CANDIDATES) == files
    for version in ("2025-07-31", "2020-06-30"):
        with pytest.raises(ModelMissingError, match="no whole model"):
            shelf.files("match_result", version, CANDIDATES)


def payload(content: bytes, kind: PayloadKind = PayloadKind.SEASON, name: str = "") -> Payload:
    return Payload("football_data", name or "2425/E0.csv", kind, content, CAME, "E0", 2024)


def notice(*names: str) -> str:
    from json import dumps

    records = [
        {"s3": {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(n)}}} for n in names
    ]
    return dumps({"Records": records})


def test_what_was_fetched_is_announced_once_with_the_hour_at_which_it_first_came(
    aws: None,
) -> None:
    raw = S3RawStore(S3Objects(BUCKET))
    inbox = S3Inbox(raw)
    first = payload(b"Div,Date")
    raw.put(first.content)
    assert inbox.announce(first)
    later = Payload(**{**vars(first), "received_at": datetime(2025, 3, 16, tzinfo=UTC)})
    assert not inbox.announce(later)
    [name] = inbox.names()
    assert inbox.told_by(notice(name)) == (name,)
    assert inbox.payload(name) == first
    assert inbox.payload(name).content == b"Div,Date"


def test_announcements_sort_as_they_are_best_ingested(aws: None) -> None:
    raw = S3RawStore(S3Objects(BUCKET))
    inbox = S3Inbox(raw)
    kinds = [PayloadKind.SCORES, PayloadKind.ODDS, PayloadKind.FIXTURES, PayloadKind.SEASON]
    for kind in kinds:
        inbox.announce(payload(kind.value.encode(), kind, f"a name + {kind}.csv"))
    found = [inbox.told_by(notice(name))[0] for name in inbox.names()]
    assert [name.split("/")[1] for name in found] == [
        "0-season",
        "2-fixtures",
        "3-odds",
        "4-scores",
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"Records": [{}]}', '{"Records": 5}', "\x00", "9" * 5000]
)
def test_what_is_no_notice_is_said_to_be_none(aws: None, text: str) -> None:
    with pytest.raises(InvalidInputError):
        S3Inbox(S3RawStore(S3Objects(BUCKET))).told_by(text)


def test_the_notice_that_only_tries_the_line_tells_of_nothing(aws: None) -> None:
    inbox = S3Inbox(S3RawStore(S3Objects(BUCKET)))
    assert inbox.told_by('{"Service": "Amazon S3", "Event": "s3:TestEvent"}') == ()


def test_an_announcement_that_is_damaged_or_without_its_bytes_is_told(aws: None) -> None:
    objects = S3Objects(BUCKET)
    inbox = S3Inbox(S3RawStore(objects))
    inbox.announce(payload(b"never kept"))
    [name] = inbox.names()
    with pytest.raises(ObjectMissingError, match="no raw payload"):
        inbox.payload(name)
    with pytest.raises(ObjectMissingError, match="no announcement"):
        inbox.payload("inbox/none.json")
    for text in (b"", b"[]", b"{}", b'{"sha256": "x", "kind": "other"}', b"\xff"):
        objects.write(name, text)
        with pytest.raises(ObjectDamagedError):
            inbox.payload(name)


SECRET = "s" * 40


@EVERYWHERE
def test_secrets_are_given_by_name_and_never_told(
    where: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    from pydantic import SecretStr

    store: Secrets
    if where == "here":
        tmp_path.chmod(0o700)
        given = {"root_secret": SecretStr(SECRET), "short": SecretStr("tiny-secret")}
        store = LocalSecrets(tmp_path, given)
    else:
        request.getfixturevalue("aws")
        text = f'{{"root_secret": "{SECRET}", "short": "tiny-secret", "number": 5}}'
        made = boto3.client("secretsmanager").create_secret(Name="betting", SecretString=text)
        store = ManagedSecrets(made["ARN"])
        with pytest.raises(SecretError, match="has no other"):
            store.read("other")
        with pytest.raises(SecretError, match="has no number"):
            store.read("number")
    assert store.read("root_secret") == SECRET.encode()
    with pytest.raises(SecretError, match="at least 32 bytes") as raised:
        store.read("short")
    assert "tiny" not in str(raised.value)


def test_a_managed_secret_that_is_missing_or_no_document(aws: None) -> None:
    with pytest.raises(SecretError, match="ResourceNotFoundException"):
        ManagedSecrets("none").read("root_secret")
    boto3.client("secretsmanager").create_secret(Name="plain", SecretString=SECRET)
    with pytest.raises(SecretError, match="no JSON document") as raised:
        ManagedSecrets("plain").read("root_secret")
    assert SECRET not in str(raised.value)
