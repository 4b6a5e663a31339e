"""What operators ask of an environment: the function answers as the command line does here."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pg8000.native
import pytest
from botocore.awsrequest import AWSResponse

from betting_ai import lambdas
from betting_ai.adapters.aws.inbox import S3Inbox
from betting_ai.adapters.aws.notes import DynamoNotes
from betting_ai.adapters.aws.object_store import S3RawStore
from betting_ai.adapters.feeds.memory import FeedMemory
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.cli.context import REMOTE
from betting_ai.cli.main import app as cli
from betting_ai.cli.main import main
from betting_ai.clock import SystemClock
from betting_ai.errors import DatabaseUnavailableError, FeedOfflineError
from betting_ai.operator import commands
from betting_ai.operator.commands import COMMANDS
from betting_ai.ports.feeds import Payload, PayloadKind
from betting_ai.ports.repositories import ReviewItem
from fake_api import odds_row
from functions.account import FUNCTIONS, MODELS, Account, event
from integration.conftest import fresh
from integration.record_world import EVENING, SLUGS, World, match, pick, slate, world

__all__ = ["world"]  # a fixture

FUNCTION = "betting-ai-dev-compute-MigrateDb-1A2B3C"
STACK = "betting-ai-dev-compute"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\"]*")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        return json.loads(self.out)


class Body(io.BytesIO):
    def stream(self, size: int = 65536) -> Iterator[bytes]:
        while part := self.read(size):
            yield part


@dataclass
class Operator:
    """Someone who types commands, beside an account whose functions are these.

    Attributes:
        account: where they run.
        capsys: what was printed.
        log: what the function told.
        asked: what it was asked.
        broken: what Lambda answers in its place: a status, and a document.
    """

    account: Account
    capsys: pytest.CaptureFixture[str]
    log: str = ""
    asked: list[Any] = field(default_factory=list)
    broken: tuple[int, dict[str, Any]] | None = None

    def __call__(self, *words: str, **environment: str) -> Said:
        """What the command line says, with the settings of the function."""
        for name, value in (self.account.settings | environment).items():
            self.account.monkeypatch.setenv(name, value)
        return self._type(*words)

    def there(self, *words: str) -> Said:
        """What it says of the environment, on a machine that has no settings of its own."""
        for name in self.account.settings:
            self.account.monkeypatch.delenv(name, raising=False)
        return self._type("--env", "dev", *words)

    def _type(self, *words: str) -> Said:
        self.account.monkeypatch.setattr(sys, "argv", ["betting-ai", *words])
        self.capsys.readouterr()
        code = main()
        return Said(code, *self.capsys.readouterr())

    def function(self, command: object, arguments: object = None, **environment: str) -> Any:
        """What the function answers, over JSON both ways."""
        asked = {"command": command} | ({} if arguments is None else {"arguments": arguments})
        return self.run(asked, **environment)

    def run(self, asked: object, **environment: str) -> Any:
        with contextlib.redirect_stdout(io.StringIO()) as log:
            try:
                answer = self.account.invoke(
                    "migrate_db", json.loads(json.dumps(asked)), **environment
                )
            finally:
                self.log += log.getvalue()
        return json.loads(json.dumps(answer, allow_nan=False))

    def invoked(self, request: Any, **_: Any) -> AWSResponse:
        """Lambda's part: the function of that name is run, or fails as Lambda says it does."""
        assert request.url.endswith(f"/functions/{FUNCTION}/invocations")
        asked = json.loads(request.body)
        self.asked.append(asked)
        headers = {"Content-Type": "application/json"}
        if self.broken is None:
            status, answer = 200, self.run(asked)
        else:
            status, answer = self.broken
            name = "X-Amz-Function-Error" if status == 200 else "x-amzn-ErrorType"
            headers |= {name: answer["errorType"]} if "errorType" in answer else {}
        content = json.dumps(answer).encode()
        headers["Content-Length"] = str(len(content))
        return AWSResponse(request.url, status, headers, Body(content))


@pytest.fixture
def operator(account: Account, capsys: pytest.CaptureFixture[str]) -> Iterator[Operator]:
    """An operator of an account with one environment, dev."""
    account.monkeypatch.setenv("COLUMNS", "200")
    account.monkeypatch.delenv("BETTING_AI_ENV", raising=False)
    template = {
        "Resources": {"Something": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"Other": {"Value": "1"}, "MigrateDbName": {"Value": FUNCTION}},
    }
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))
    boto3.setup_default_session()
    operator = Operator(account, capsys)
    boto3.DEFAULT_SESSION.events.register("before-send.lambda.Invoke", operator.invoked)
    yield operator
    boto3.setup_default_session()


@pytest.fixture
def full(world: World, operator: Operator) -> World:
    """Keys, names that wait, and slates whose events are over."""
    world.publish(slate(pick(0), pick(1, 2)))
    world.change("UPDATE slates SET created_at = as_of")
    world.tell(match(0, (2, 1)))
    with SqlUnitOfWork(world.engine) as unit:
        unit.review.add(
            ReviewItem("odds_api", "ENG", "E0", "Åsh", "doubtful", (("Ash", 81.5), ("Elm", 40)))
        )
        unit.review.add(ReviewItem("odds_api", "ENG", "E0", "Oak", "refused"))
        unit.commit()
    for name in ("laptop", "Trading böt"):
        assert operator.function("keys create", {"name": name, "scopes": ["bet"]})["exit_code"] == 0
    return world


@pytest.fixture
def copy(
    full: World, account: Account, administration: pg8000.native.Connection
) -> Iterator[Callable[[], str]]:
    """Makes databases that are as the account's is at that moment; gives their addresses."""
    before, name, after = re.split(r"(test_\d+)", account.database_url)
    with contextlib.ExitStack() as stack:

        def copied() -> str:
            full.engine.dispose()
            lambdas._stack.close()  # who is connected keeps others from copying
            return before + stack.enter_context(fresh(administration, name)) + after

        yield copied


def but_ages(text: str) -> str:
    """A text without what becomes older meanwhile."""
    return re.sub(r'"(age_hours|size)": [^,}]*', "", text)


def masked(text: str) -> str:
    """A text without instants."""
    return INSTANT.sub("then", text)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("keys list", ("keys", "list")),
        ("review list", ("review",)),
        ("doctor", ("doctor",)),
        ("verify", ("history", "verify")),
    ],
)
def test_what_is_looked_at_there_looks_as_here(
    operator: Operator, command: str, words: tuple[str, ...]
) -> None:
    here = operator(*words, "--json")
    answer = operator.function(command)
    assert but_ages(json.dumps(answer["output"])) == but_ages(json.dumps(here.told))
    assert answer["exit_code"] == here.code
    there = operator.there(*words, "--json")
    assert (but_ages(there.out), there.code, there.err) == (but_ages(here.out), here.code, "")
    here, there = operator(*words), operator.there(*words)
    assert here.out.count("\n") >= 3
    assert there == here


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        ("settle", {"as_of": EVENING.isoformat()}, ("settle", "--as-of", EVENING.isoformat())),
        ("settle", {"event": SLUGS[1], "ending": "postponed"},
         ("settle", "--event", SLUGS[1], "--ending", "postponed")),
        ("review accept", {"number": 1}, ("review", "accept", "1")),
        ("review accept", {"number": 2, "team": "Elm"}, ("review", "accept", "2", "--team", "Elm")),
    ],
)  # fmt: skip
def test_what_is_done_there_is_what_is_done_here(
    operator: Operator,
    copy: Callable[[], str],
    command: str,
    arguments: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    urls = [copy() for _ in range(5)]
    here = operator(*words, "--json", DATABASE_URL=urls[0])
    answer = operator.function(command, arguments, DATABASE_URL=urls[1])
    assert masked(json.dumps(answer["output"])) == masked(json.dumps(here.told))
    assert (answer["exit_code"], here.code) == (0, 0)
    assert here.told.get("settled") != []
    assert answer.get("notes", []) == [
        json.loads(line)["note"]["message"] for line in here.err.splitlines()
    ]
    operator.account.settings["DATABASE_URL"] = urls[2]
    there = operator.there(*words, "--json")
    assert (masked(there.out), there.code, there.err) == (masked(here.out), 0, here.err)
    operator.account.settings["DATABASE_URL"] = urls[3]
    there = operator.there(*words)
    assert there == operator(*words, DATABASE_URL=urls[4])
    assert there.out.count("\n") >= 1


def test_the_record_is_proven_there_as_here(world: World, operator: Operator) -> None:
    world.publish(slate(pick(0), pick(1, 2)))
    world.change("UPDATE slates SET created_at = as_of")
    for words in ((), ("--json",)):
        here = operator("history", "verify", *words)
        assert here.code == 0
        assert operator.there("history", "verify", *words) == here
    world.change("UPDATE recommendations SET price = price + 0.5")
    for words in ((), ("--json",)):
        here = operator("history", "verify", *words)
        assert here.code == 1
        assert operator.there("history", "verify", *words) == here
    assert here.told["flaws"]
    assert operator.function("verify") == {"exit_code": 1, "output": here.told}


def test_a_key_from_first_to_last(operator: Operator) -> None:
    none = operator.function("keys list")
    assert none == {
        "exit_code": 3,
        "error": {
            "code": "nothing_to_do",
            "message": "no key yet; make one with `keys create NAME`",
        },
    }
    asked = {"name": "bot", "scopes": ["read", "bet"], "expires_in": "90d"}
    made = operator.function("keys create", asked)["output"]
    first = made.pop("shown_once")
    assert set(first) == {"token", "signing_secret"}
    assert operator("keys", "list", "--json").told == [made]
    one = {"key_id": made["id"]}
    rotated = operator.function("keys rotate", one)["output"]
    second = rotated.pop("shown_once")
    assert not set(first.values()) & set(second.values())
    assert operator("keys", "list", "--json").told == [rotated]
    finished = operator.function("keys finish", one)["output"]
    assert operator("keys", "list", "--json").told == [finished]
    again = operator("keys", "rotate", made["id"], "--finish", "--json")
    assert operator.function("keys finish", one)["error"] == json.loads(again.err)["error"]
    revoked = operator.function("keys revoke", one)["output"]
    assert operator("keys", "revoke", made["id"], "--json").told == revoked
    assert revoked["state"] == "revoked"


def test_a_key_is_made_there_and_shown_here(operator: Operator) -> None:
    said = operator.there("keys", "create", "bot", "--scope", "bet", "--expires-in", "2w")
    assert (said.code, said.err) == (0, "")
    found = re.search(r"^  token +(bai_([0-9a-f]{16})_\S+)$", said.out, re.MULTILINE)
    assert found is not None
    assert operator.asked == [
        {
            "command": "keys create",
            "arguments": {"name": "bot", "scopes": ["bet"], "expires_in": "2w"},
        }
    ]
    for words in (("rotate", found[2]), ("rotate", found[2], "--finish"), ("revoke", found[2])):
        said = operator.there("keys", *words)
        assert (said.code, said.err, found[2] in said.out) == (0, "", True)


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_secrets_pass_once_and_are_in_no_line_of_the_log(operator: Operator, level: str) -> None:
    levels = {"BETTING_AI_LOG_LEVEL": level, "POWERTOOLS_LOG_LEVEL": level}
    answer = operator.function("keys create", {"name": "for Ann", "scopes": ["bet"]}, **levels)
    made = answer["output"]
    rotated = operator.function("keys rotate", {"key_id": made["id"]}, **levels)["output"]
    listed = operator.function("keys list", **levels)["output"]
    secrets = [*made["shown_once"].values(), *rotated["shown_once"].values()]
    assert len(set(secrets)) == 4
    told = [json.loads(line) for line in operator.log.splitlines()]
    asked = [line for line in told if line.get("message") == "asked"]
    assert [line["command"] for line in asked] == ["keys create", "keys rotate", "keys list"]
    for secret in secrets:
        assert secret not in operator.log
        assert secret.split("_", 2)[2] not in operator.log
        assert secret not in json.dumps(listed)
    if level == "INFO":
        assert "for Ann" not in operator.log, "nor is anything else of what was asked"


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        ("keys burn", {}, "there is no such command; there are: upgrade, keys create, keys list"),
        (None, {}, "there is no such command"),
        (["doctor"], {}, "there is no such command"),
        ("doctor", {"deep": True}, "doctor has no argument 'deep'; there are: none"),
        ("doctor", [], "the arguments of doctor are an object of JSON"),
        ("settle", {"when": "now"}, "settle has no argument 'when'; there are: as_of, event"),
        ("settle", {"as_of": "2025-03-15T08:00:00"}, "settle, as_of: input should have timezone"),
        ("settle", {"as_of": "2999-01-01T00:00:00Z"}, "2999-01-01 00:00 UTC lies in the future"),
        ("settle", {"event": "e0"}, "--event and --ending go together"),
        ("settle", {"event": "e0", "ending": "rain"}, "'rain' is no ending; write postponed"),
        ("keys create", {}, "keys create, name: field required"),
        ("keys create", {"name": "x", "scopes": ["all"]}, "input should be 'read', 'bet' or"),
        ("keys create", {"name": "x", "scopes": []}, "a key needs a scope"),
        ("keys create", {"name": "x", "expires_in": "1y"}, "--expires-in is written 90d, 12h"),
        ("keys revoke", {"key_id": "0" * 16}, "there is no key '0000000000000000'"),
        ("review accept", {"number": 0}, "greater than or equal to 1"),
        ("review accept", {"number": 1}, "no name 1 waits; there are 0"),
        ("replay", {"kind": "rumours"}, "replay, kind: input should be 'season', 'fixtures'"),
        ("replay", {"limit": 10**6}, "replay, limit: input should be less than or equal to 500"),
        ("export", {"format": "xml"}, "export, format: input should be 'json' or 'csv'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(
    operator: Operator, command: object, arguments: object, told: str
) -> None:
    answer = operator.function(command, arguments)
    assert set(answer) == {"exit_code", "error"}
    assert (answer["exit_code"], answer["error"]["code"]) == (2, "invalid_input")
    assert told in answer["error"]["message"]
    assert "\n" not in answer["error"]["message"]


def test_what_cannot_be_done_there_is_said_as_here(operator: Operator) -> None:
    for words in (
        ("keys", "list"), ("review",), ("settle",), ("history", "export", "--format", "csv"),
        ("keys", "revoke", "nobody"), ("review", "accept", "7"),
        ("keys", "create", "x", "--expires-in", "1y"),
    ):  # fmt: skip
        here = operator(*words)
        assert (here.code in (2, 3), here.out, here.err.count("\n")) == (True, "", 1)
        assert operator.there(*words) == here


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("form", ["json", "csv"])
def test_the_record_comes_whole_also_where_it_is_too_large_to_be_answered(
    operator: Operator, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("history", "export", "--format", form)
    here = operator(*words)
    assert operator.function("export", {"format": form}) == {"exit_code": 0, "output": here.out}
    assert operator.there(*words) == here
    monkeypatch.setattr(commands, "LARGEST", len(here.out) // 2)
    stored = operator.function("export", {"format": form})["stored"]
    assert (stored["bucket"], stored["key"]) == ("objects", f"exports/{stored['sha256']}.txt")
    kept = operator.account.objects.read(stored["key"])
    assert kept is not None
    assert kept.decode() == here.out
    assert operator.there(*words) == here


@pytest.mark.usefixtures("full")
def test_what_was_put_elsewhere_is_checked_when_it_is_fetched(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = operator("review", "--json")
    monkeypatch.setattr(commands, "LARGEST", 10)
    answer = operator.function("review list")
    assert set(answer) == {"exit_code", "stored"}
    assert operator.there("review", "--json") == here
    key = answer["stored"]["key"]
    for change, code in (
        (lambda: operator.account.objects.write(key, b"[]"), "object_damaged"),
        (lambda: boto3.client("s3").delete_object(Bucket="objects", Key=key), "object_missing"),
    ):
        change()
        operator.broken = (200, answer)
        said = operator.there("review", "--json")
        assert (said.code, said.out) == (1, "")
        assert json.loads(said.err)["error"]["code"] == code


def announce(account: Account, *payloads: Payload) -> None:
    raw = S3RawStore(account.objects)
    for payload in payloads:
        raw.put(payload.content)
        assert S3Inbox(raw).announce(payload)


CAME = datetime(2025, 3, 20, 8, tzinfo=UTC)


def prices(home: str, came: datetime = CAME, **changes: Any) -> Payload:
    """An answer of a live feed: one match of a team with Birch, two days later."""
    row = odds_row(
        came + timedelta(days=2), {"williamhill": (2.1, 3.4, 3.6)}, told=came, home=home,
        away="Birch",
    )  # fmt: skip
    content = json.dumps([row]).encode()
    usual: dict[str, Any] = {"source": "odds_api", "name": "soccer_epl", "kind": PayloadKind.ODDS}
    return Payload(**(usual | changes), content=content, received_at=came)


def test_a_payload_is_read_again_once_its_team_is_known(world: World, operator: Operator) -> None:
    account = operator.account
    assert operator.function("replay")["error"]["code"] == "nothing_to_do"
    announce(account, prices("Ash Wanderers Town"))
    assert account.invoke("ingest_raw", account.notices()) == {"batchItemFailures": []}
    found = "SELECT count(*) AS n, max(received_at) AS came FROM odds WHERE live"
    assert world.rows(found)[0]["n"] == 0
    again = operator.function("replay")
    assert (again["exit_code"], again["output"]["doubts"][0]["name"]) == (0, "Ash Wanderers Town")
    said = operator.there("review", "accept", "1", "--team", "Ash")
    assert (
        said.out == "Ash Wanderers Town of odds_api means Ash. `ingest --again` reads its rows.\n"
    )
    said = operator.there("ingest", "--again", "--json")
    assert (said.code, said.err) == (0, "")
    assert (said.told["totals"]["rows_kept"], said.told["doubts"]) == (1, [])
    assert world.rows(found) == [{"n": 3, "came": CAME}], "as it came then, not as of now"
    said = operator.there("ingest", "--again")
    assert (said.code, "soccer_epl" in said.out) == (0, True)
    assert world.rows(found)[0]["n"] == 3


def test_some_of_what_was_announced_is_read_again(world: World, operator: Operator) -> None:
    later = CAME + timedelta(days=1)
    announce(
        operator.account,
        prices("Ash"),
        prices("Cedar", later),
        prices("Elm", later, source="cloudbet", name="soccer/odds"),
        prices("Gum", kind=PayloadKind.SCORES, name="scores"),
    )

    def read(**asked: Any) -> list[str]:
        answer = operator.function("replay", asked)
        return [one["name"] for one in answer["output"]["payloads"]]

    assert len(read()) == 4
    assert read(source="cloudbet") == ["soccer/odds"]
    assert read(kind="scores") == ["scores"]
    assert read(since=later.isoformat(), source="odds_api") == ["soccer_epl"]
    assert read(since=(later + timedelta(seconds=1)).isoformat()) == []
    assert operator.function("replay", {"source": "stake"})["exit_code"] == 3

    seen, after = [], ""
    for left in (3, 2, 1, 0):
        told = operator.function("replay", {"after": after, "limit": 1})["output"]
        assert told["left"] == left
        seen += told["payloads"]
        after = told["next"]
    assert (len(seen), after) == (4, None)

    said = operator.there("ingest", "--again", "--source", "odds_api", "--since", "2025-03-21")
    assert (said.code, "soccer_epl" in said.out) == (0, True)
    assert operator.asked[-1]["arguments"] == {
        "source": "odds_api", "kind": None, "since": "2025-03-21T08:00:00+00:00", "after": "",
    }  # fmt: skip
    said = operator.there("ingest", "--again", "--since", "2025-03-22")
    assert (said.code, said.out, said.err) == (3, "", "error: nothing has come since then\n")


def test_much_is_read_again_some_at_a_time(world: World, operator: Operator) -> None:
    announce(operator.account, *(prices("Ash", name=f"odds/{i:03}") for i in range(101)))
    said = operator.there("ingest", "--again", "--kind", "odds", "--json")
    assert (said.code, said.told["totals"]["stored"]) == (0, 101)
    assert [one["name"] for one in said.told["payloads"]] == [f"odds/{i:03}" for i in range(101)]
    assert len(operator.asked) == 2


def test_what_is_lost_or_cannot_be_read_does_not_stop_the_rest(
    world: World, operator: Operator
) -> None:
    good, lost, bad = prices("Ash"), prices("Cedar", name="lost"), prices("Elm", name="bad")
    bad = replace(bad, content=b"<html>")
    announce(operator.account, good, lost, bad)
    key = f"raw/{lost.sha256[:2]}/{lost.sha256}"
    boto3.client("s3").delete_object(Bucket="objects", Key=key)
    said = operator.there("ingest", "--again", "--json")
    assert said.code == 1
    assert {one["name"]: one["status"] for one in said.told["payloads"]} == {
        "bad": "refused", "soccer_epl": "stored",
    }  # fmt: skip
    [failed] = said.told["failed"]
    assert f"no raw payload {lost.sha256} is kept" in failed


def test_an_upgrade_by_hand(operator: Operator) -> None:
    deployed = operator.run(event("migrate_db", "upgrade"))["output"]
    assert operator.run(None)["output"] == deployed
    answer = operator.function("upgrade")
    assert answer == {
        "exit_code": 0,
        "output": {"revision": deployed["revision"], "changed": False},
    }
    assert operator("db", "upgrade", "--json").told == answer["output"]
    assert operator.there("db", "upgrade") == operator("db", "upgrade")


def test_only_a_deployment_is_told_by_failing(operator: Operator) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none?connect_timeout=1"}
    with pytest.raises(DatabaseUnavailableError):
        operator.run({}, **nowhere)
    told = operator.function("keys list", **nowhere)
    assert (told["exit_code"], told["error"]["code"]) == (1, "database_unavailable")
    report = operator.function("doctor", **nowhere)
    assert (report["exit_code"], report["output"]["ok"]) == (1, False)
    assert report["output"]["database"] == {"reached": False}


def test_the_disk_matters_where_something_is_kept_on_it(operator: Operator) -> None:
    assert operator.function("doctor")["output"]["disk_free_bytes"] is None
    assert "free disk" not in operator.there("doctor").out
    operator.account.monkeypatch.delenv("BETTING_AI_NOTES_TABLE")
    del operator.account.settings["BETTING_AI_NOTES_TABLE"]
    assert operator.function("doctor")["output"]["disk_free_bytes"] > 0
    assert "free disk" in operator.there("doctor").out


def test_models_are_looked_at_where_they_are(operator: Operator) -> None:
    here = operator.function("doctor")["output"]["models"]
    assert all(model["ok"] for model in here)
    spoilt = MODELS / here[0]["market"] / here[0]["version"] / "close.onnx"
    s3 = boto3.client("s3")
    for path in MODELS.rglob("*"):
        if path.is_file():
            content = b"spoilt" if path == spoilt else path.read_bytes()
            s3.put_object(Bucket="models", Key=str(path.relative_to(MODELS)), Body=content)
    operator.account.settings["BETTING_AI_MODELS_BUCKET"] = "models"
    answer = operator.function("doctor")
    first, *others = answer["output"]["models"]
    assert (others, first["ok"]) == (here[1:], False)
    assert (answer["exit_code"], answer["output"]["problems"]) == (1, [first["problem"]])
    said = operator.there("doctor")
    assert (said.code, f"problem: {first['problem']}" in said.out) == (1, True)


def test_feeds_that_another_function_asks_are_told_as_it_left_them(operator: Operator) -> None:
    memory = FeedMemory("odds_api", DynamoNotes("notes"), SystemClock())
    with pytest.raises(FeedOfflineError), memory.watched():
        raise FeedOfflineError("The Odds API cannot be reached")
    report = operator.function("doctor")["output"]
    assert report["feeds"]["odds_api"]["on"] is None
    assert report["notes"][-1] == (
        "odds_api failed 1 times in a row: The Odds API cannot be reached"
    )
    assert "asked from elsewhere; failed 1 times in a row" in operator.there("doctor").out


TYPED = [
    *(one.name or one.callback.__name__.replace("_", "-") for one in cli.registered_commands),
    *(group.name for group in cli.registered_groups),
]


@pytest.mark.parametrize(
    "words",
    [
        *((name,) for name in TYPED if name not in REMOTE),
        ("history",),
        ("db", "status"),
        ("db", "reset", "--yes"),
        ("ingest",),
        ("ingest", "--folder", "."),
        ("ingest", "--again", "--folder", "."),
        ("ingest", "--again", "--fixtures"),
    ],
)
def test_what_cannot_be_had_there_says_so(operator: Operator, words: tuple[str, ...]) -> None:
    said = operator.there(*words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert "--env" in said.err
    assert operator.asked == []


def test_the_environment_may_be_named_once_for_all(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BETTING_AI_ENV", "dev")
    assert operator._type("review").err == "error: no name waits\n"
    assert operator.asked == [{"command": "review list", "arguments": {}}]
    assert operator._type("top3-bets").code == 2
    assert operator._type("--env", "", "keys", "list").code == 3
    assert len(operator.asked) == 1
    said = operator._type("--env", "Dev!", "review")
    assert (said.code, said.err) == (2, "error: 'Dev!' is no name of an environment, such as dev\n")


def test_without_env_nothing_is_read_from_announcements(operator: Operator) -> None:
    said = operator("ingest", "--again", "--source", "odds_api")
    assert (said.code, said.err) == (
        2, "error: --since, --source and --kind go with --env and --again\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ((200, {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out"}),
         f"Sandbox.Timedout: Task timed out; the log of {FUNCTION} says more"),
        ((200, {"errorType": "KeyError", "errorMessage": "postgresql://u:pass@host/db"}),
         f"KeyError: postgresql://[hidden]@host/db; the log of {FUNCTION} says more"),
        ((429, {"errorType": "TooManyRequestsException", "Message": "Rate Exceeded."}),
         "its function is busy with another command, or an upgrade; ask again later"),
        ((403, {"errorType": "AccessDeniedException", "Message": "no"}),
         "AccessDeniedException; are AWS_PROFILE and AWS_REGION set, and may you ask it?"),
        ((200, {"statusCode": 200}), "what it answered is of another version"),
    ],
)  # fmt: skip
def test_an_environment_that_fails_says_why(
    operator: Operator, broken: tuple[int, dict[str, Any]], told: str
) -> None:
    operator.broken = broken
    said = operator.there("keys", "create", "bot")
    assert (said.code, said.out, said.err) == (1, "", f"error: environment dev: {told}\n")
    assert len(operator.asked) == 1, "what may have been done is not tried again"


def test_an_environment_that_is_not_there(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BETTING_AI_ENV", "prod")
    assert operator._type("doctor").err == (
        "error: environment prod: there is no stack betting-ai-prod-compute here\n"
    )
    boto3.client("cloudformation").create_stack(
        StackName="betting-ai-prod-compute",
        TemplateBody=json.dumps({"Resources": {"Something": {"Type": "AWS::SNS::Topic"}}}),
    )
    assert operator._type("doctor").err == (
        "error: environment prod: stack betting-ai-prod-compute has no output MigrateDbName\n"
    )


def test_every_command_has_a_sample_event_that_is_understood(
    full: World, operator: Operator
) -> None:
    announce(operator.account, prices("Ash"))
    key_id = full.rows("SELECT id FROM api_keys ORDER BY created_at")[0]["id"]
    folder = FUNCTIONS / "migrate_db" / "events"
    seen = set()
    for path in sorted(folder.glob("*.json"), reverse=True):  # a key is rotated while it lives
        asked = event("migrate_db", path.stem)
        if asked.get("arguments", {}).get("key_id"):
            asked["arguments"]["key_id"] = key_id
        answer = operator.run(asked)
        assert answer.get("error", {}).get("code") in (None, "nothing_to_do"), (path, answer)
        seen.add(asked.get("command"))
    assert seen == {None, *COMMANDS}
