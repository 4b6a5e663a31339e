"""With every log wide open and everything going wrong in turn, no secret is anywhere.

Each run has a control: the same with one guard taken away, where the secret has to be found.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from betting_ai.errors import ChainOfflineError, DomainError
from betting_signer import custody as custodies
from betting_signer.contract import Refusal, Signed
from betting_signer.custody import (
    KeystoreCustody,
    SecretsManagerCustody,
    SecretsManagerRequesters,
    stamps_of,
)
from betting_signer.dynamo import DynamoStore, S3Copies
from betting_signer.postgres import PostgresStore
from betting_signer.signing import CustodyError
from betting_signer.store import UnavailableError
from chain.evm import COIN, Chain, evm, relay
from fakes.aws import FakeAws
from functions.account import FUNCTIONS, event
from functions.emulator import Running, built, layers_of, running
from security.marks import told
from security.signer.test_s01_key_never_leaves import frames
from security.signer.world import (
    KEY,
    OTHER_KEY,
    PASSWORD,
    SECRET,
    STRANGER,
    connection,
    keystore_file,
    secret,
)
from security.wallet.flow import Flow
from security.wallet.on_lambda import News, account, of

__all__ = ["built"]  # a fixture

LIBRARIES = (
    *("botocore", "boto3", "urllib3", "s3transfer", "httpx", "httpcore", "web3", "pg8000"),
    *("eth_account", "eth_keys", "eth_utils", "betting_ai", "betting_signer"),
)
SERVICES = ("dynamodb", "s3", "secretsmanager")


@pytest.fixture
def chain() -> Iterator[Chain]:
    with evm(97) as one:
        yield one


@dataclass
class Told:
    """Everything that a run told anybody."""

    log: pytest.LogCaptureFixture
    out: pytest.CaptureFixture[str]
    kept: list[str | bytes] = field(default_factory=list)
    errors: list[type[BaseException]] = field(default_factory=list)

    def take(self, work: Callable[[], Any]) -> Any:
        """What some work answers, or how it fails: whichever it is, it is kept and logged."""
        answer: Any = None
        try:
            answer = work()
        except Exception as error:
            self.errors.append(type(error))
            self.kept += frames(error)
            logging.getLogger("betting_signer.canary").exception("it failed")
        self.kept.append(repr(answer))
        return answer

    def secrets(self, *folders: Path) -> set[str]:
        """Names of the secrets that are found in any of it, and in files."""
        written = self.out.readouterr()
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        everything = [*self.kept, self.log.text, written.out, written.err]
        everything += [path.read_bytes() for path in files]
        everything += [path.name for path in files]
        return {name for one in everything for name in told(one)}


@pytest.fixture
def opened(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Told]:
    """Every logger at its lowest level, whatever anybody set before, and scratch files here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = {*LIBRARIES, *logging.root.manager.loggerDict}
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    yield Told(caplog, capfd)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def database(url: str) -> Iterator[str]:
    """Every row of every table of a database."""
    made = connection(url)
    tables = made.run(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    for (table,) in tables:
        yield table
        yield from (row[0] for row in made.run(f"SELECT t::text FROM {table} t"))
    made.close()


def account_of(aws: FakeAws, flow: Flow, *buckets: str) -> Iterator[str | bytes]:
    """Every item of a wallet's tables and every object of its buckets; what is told of secrets."""
    dynamo, s3, secrets = map(aws.client, SERVICES)
    for table in (*flow.told["tables"].values(), flow.told["transfers"]):
        yield repr(list(dynamo.get_paginator("scan").paginate(TableName=table).search("Items")))
    for bucket in (flow.told["bucket"], *buckets):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for one in pages.search("Contents[]"):
            if one is not None:
                found = s3.get_object(Bucket=bucket, Key=one["Key"])
                yield one["Key"] + repr(found["Metadata"])
                yield found["Body"].read()
    yield repr(list(secrets.get_paginator("list_secrets").paginate().search("SecretList")))


def everything_kept(flow: Flow, request: pytest.FixtureRequest) -> Iterator[str | bytes]:
    if flow.told["store"] == "dynamo":
        return account_of(request.getfixturevalue("aws"), flow)
    return database(flow.told["url"])


@dataclass
class Broken:
    """Parts of a wallet, each with a fault; made before anything is listened to."""

    custodies: list[Any]
    requesters: list[Any]
    store: Any
    copies: Any


def broken(flow: Flow, request: pytest.FixtureRequest, folder: Path) -> Broken:
    """What can be wrong on a store."""
    if flow.told["store"] == "dynamo":
        aws = request.getfixturevalue("aws")
        client = aws.client("secretsmanager")
        gone = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:none"
        texts = (OTHER_KEY, KEY[:-1], json.dumps({"key": KEY}))
        keys = [secret(aws, text) for text in texts]
        down = replace(aws, url="http://127.0.0.1:9")
        return Broken(
            [SecretsManagerCustody(client, one) for one in (*keys, gone)]
            + [SecretsManagerCustody(down.client("secretsmanager", 1), keys[0])],
            [
                SecretsManagerRequesters(client, secret(aws, f'{{"api": "{SECRET}"')),
                SecretsManagerRequesters(client, gone),
            ],
            DynamoStore(down.client("dynamodb", 1), flow.store.tables),
            S3Copies(aws.client("s3"), "no-bucket-of-ours"),
        )
    file = folder / "a-file"
    file.touch()
    plain = folder.parent / f"{folder.name}-plain.json"  # which has the key itself, beside it all
    plain.touch(0o600)
    plain.write_text(KEY)

    def unreachable() -> Any:
        raise UnavailableError("the database")

    good = Path(flow.told["keystore"])
    return Broken(
        [
            KeystoreCustody(keystore_file(folder, OTHER_KEY), lambda: PASSWORD),
            KeystoreCustody(good, lambda: PASSWORD + "!"),
            KeystoreCustody(plain, lambda: PASSWORD),
            KeystoreCustody(folder / "none.json", lambda: PASSWORD),
        ],
        [lambda requester: stamps_of(f'{{"api": "{SECRET}"', requester)],
        PostgresStore(unreachable),
        replace(flow.copies, root=file),
    )


def quoted(flow: Flow, carry: Any, **wish: Any) -> str:
    """The text of a quote for a new wish."""
    made = flow.wish(**wish)
    if flow.streams is not None:
        carry.begin(made.intent_id)
        rows = flow.streams.rows("quotes")
        return next(text for name, text in rows if name.startswith(f"{made.intent_id}#"))
    carry()
    waiting = flow.store.waiting_quotes()
    return next(text for intent_id, _, text in waiting if intent_id == made.intent_id)


def exercised(flow: Flow, chain: Chain, parts: Broken, heard: Told) -> list[Any]:
    """Everything that may happen to wishes; what the signer answered."""
    outcomes = []
    with relay(chain) as node:
        carry = flow.carry(node.url)

        def ask(text: str, **changes: Any) -> None:
            outcomes.append(heard.take(lambda: flow.signer(**changes).sign(text)))

        for custody in parts.custodies:
            ask(quoted(flow, carry), custody=custody)
        for requesters in parts.requesters:
            ask(quoted(flow, carry), requesters=requesters)
        ask(quoted(flow, carry), store=parts.store)
        ask(quoted(flow, carry), copies=parts.copies)
        ask(quoted(flow, carry, to=63, amount=10 * COIN))  # more than the policy lets it
        ask("no quote")
        text = quoted(flow, carry)
        ask(text)
        ask(text)
        node.down = True
        heard.take(lambda: carry.begin(flow.wish().intent_id))
        heard.take(carry)
        for signed in [one for one in outcomes if isinstance(one, Signed)]:
            heard.take(lambda name=signed.intent_id: carry.signed(name))
        node.down = False
        outcomes += heard.take(flow.sign)  # also of what could not be signed before
        heard.take(carry)
        chain.mine(16)
        heard.take(carry)
    heard.kept += [payload.content for payload in flow.announced]
    heard.kept += [repr(flow), repr(flow.signer())]
    return outcomes


def test_nothing_is_told_whatever_goes_wrong(
    flow: Flow, chain: Chain, request: pytest.FixtureRequest, tmp_path: Path, opened: Told
) -> None:
    logging.disable(logging.CRITICAL)  # what is put away now is the tests' own doing
    parts = broken(flow, request, tmp_path)
    logging.disable(logging.NOTSET)
    outcomes = exercised(flow, chain, parts, opened)
    # It did go wrong, in every way, and well in the end.
    assert {CustodyError, UnavailableError} <= set(opened.errors)
    assert any(issubclass(one, (ChainOfflineError, DomainError)) for one in opened.errors)
    assert any(isinstance(one, Refusal) for one in outcomes)
    assert any(isinstance(one, Signed) for one in outcomes)
    assert flow.announced
    # The libraries were heard.
    heard = {record.name.partition(".")[0] for record in opened.log.records}
    assert {"betting_signer", "httpcore"} <= heard
    assert flow.told["store"] != "dynamo" or {"botocore", "urllib3"} <= heard
    opened.kept += everything_kept(flow, request)
    assert any("allowed" in str(one) for one in opened.kept)
    assert opened.secrets(tmp_path) == set()


def careless(key: str) -> None:
    """Quotes what it was given."""
    raise ValueError(f"{key} is no key")


LEAKS: dict[str, Callable[[Path, Flow], object]] = {
    "a log": lambda _, __: logging.getLogger("eth_account").debug("signing with 0x%s", KEY.upper()),
    "an extra of a log": lambda _, __: logging.getLogger("web3").debug("%r", bytes.fromhex(KEY)),
    "output": lambda _, __: sys.stdout.write(str(int(KEY, 16))),
    "a scratch file": lambda folder, _: (folder / "x").write_bytes(b"." + bytes.fromhex(KEY)),
    "the audit": lambda _, flow: flow.copies.put("audit/x", json.dumps(SECRET).encode()),
    "the store": lambda _, flow: flow.desk.set_policy(PASSWORD),
    "an error": lambda _, __: careless(KEY),
}


@pytest.mark.parametrize("where", LEAKS)
def test_what_is_told_on_purpose_is_found(
    flow: Flow, request: pytest.FixtureRequest, tmp_path: Path, opened: Told, where: str
) -> None:
    if flow.told["store"] == "dynamo":
        logging.getLogger("botocore").setLevel(logging.INFO)  # which would tell of it, too
    opened.take(lambda: LEAKS[where](tmp_path, flow))
    opened.kept += everything_kept(flow, request)
    assert len(opened.secrets(tmp_path)) == 1


def test_without_its_guard_the_log_of_botocore_has_the_key(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, opened: Told, tmp_path: Path
) -> None:
    """So the level is low enough for it to be told, and the guard is what keeps it."""
    logging.disable(logging.CRITICAL)
    arn = secret(aws, OTHER_KEY)
    logging.disable(logging.NOTSET)
    for name in ("botocore.parsers", "botocore.endpoint"):
        logging.getLogger(name).removeFilter(custodies._no_bodies)
    made = SecretsManagerCustody(aws.client("secretsmanager"), arn)
    with monkeypatch.context() as patch:
        patch.setattr(custodies, "hush", lambda: None)
        opened.take(lambda: made.sign(STRANGER, None))  # type: ignore[arg-type]
    assert opened.errors == [CustodyError]
    assert opened.secrets(tmp_path) == {"other key"}
    opened.log.clear()
    opened.kept.clear()
    opened.take(lambda: made.sign(STRANGER, None))  # type: ignore[arg-type]
    assert opened.log.records
    assert opened.secrets(tmp_path) == set()


LEVELS = {
    "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
    "BETTING_AI_LOG_LEVEL": "DEBUG",
    "POWERTOOLS_LOG_LEVEL": "DEBUG",
    "POWERTOOLS_LOGGER_LOG_EVENT": "true",
    "PYTHONDEVMODE": "1",
}
CARELESS = """
from betting_signer import custody
custody.hush = lambda: None
from handler import handler
"""


def output(function: Running) -> set[str]:
    """Names of the secrets in all that a function told and left behind."""
    files = [path.read_bytes() for path in function.home.rglob("*") if path.is_file()]
    return {name for one in ("".join(function.log), *files) for name in told(one)}


@pytest.mark.slow
@pytest.mark.parametrize("flow", ["dynamo"], indirect=True)
def test_the_functions_as_deployed_tell_nothing_at_their_lowest_level(
    built: Path, aws: FakeAws, chain: Chain, flow: Flow, tmp_path: Path
) -> None:
    secrets = aws.client("secretsmanager")
    careless_code = tmp_path / "careless"
    careless_code.mkdir()
    (careless_code / "careless.py").write_text(CARELESS)
    with ExitStack() as stack:
        node = stack.enter_context(relay(chain))
        variables = account(flow, aws, node.url)
        stamps = variables["SIGNER_REQUESTERS_SECRET"]

        def start(name: str, **changes: Any) -> Running:
            environment = of(name, variables) | LEVELS
            layers, tool = layers_of(name, built), built / "tool"
            made = running(FUNCTIONS / name, layers, tool, environment, name=name, **changes)
            return stack.enter_context(made)

        send, sign = start("broadcast_transfer"), start("sign_transfer")
        news = News(flow, aws)
        chain.mine()

        def quote(**wish: Any) -> dict[str, Any]:
            flow.wish(**wish)
            send(news("intents"))
            return news("quotes")

        for place, key in ((flow.told["secret"], KEY), (stamps, json.dumps({"api": [SECRET]}))):
            for text in (OTHER_KEY, f"{key}x", json.dumps({"x": key})):
                secrets.update_secret(SecretId=place, SecretString=text)
                sign(quote())
            secrets.update_secret(SecretId=place, SecretString=key)
        sign(quote(to=63, amount=10 * COIN))
        sign(event("sign_transfer", "poison"))
        node.down = True
        send(event("broadcast_transfer", "minute"))
        node.down = False
        assert sign(quote()) == {"batchItemFailures": []}
        send(news("signed"))
        chain.mine(16)
        send(event("broadcast_transfer", "minute"))
        again = quote()
        unguarded = start("sign_transfer", handler="careless.handler", first=[careless_code])
        assert unguarded(again) == {"batchItemFailures": []}
        kept = account_of(aws, flow, variables["BETTING_AI_OBJECTS_BUCKET"])
        assert {name for one in kept for name in told(one)} == set()
        aws.client("dynamodb").delete_table(TableName=flow.told["tables"]["intents"])
        assert sign(again)["batchItemFailures"]
        # It did go wrong, in every way, and well in the end.
        lines = [line for line in sign.lines() if "service" in line and "message" in line]
        assert {line["message"] for line in lines} >= {"signed", "refused", "failed"}
        assert {line["code"] for line in lines if "code" in line} >= {
            "key_mismatch", "signature_wrong", "stamp_wrong", "malformed", "unreadable",
        }  # fmt: skip
        assert any("botocore" in line for line in sign.log)
        assert any("_aws" in line for line in send.log)
        assert (output(send), output(sign)) == (set(), set())
        assert output(unguarded) == {"key", "stamp"}
