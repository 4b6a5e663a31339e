"""Logs: one line of JSON each, and no secret in any of them, however it is slipped in."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import subprocess
import sys
import threading
import urllib.parse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from betting_ai import observability
from betting_ai.observability import HIDDEN, Redactor, access, configure, request_id

TOKEN = "bai_0123456789abcdef_Zk3-Qy7_mVt0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sTu"  # noqa: S105 - made up
BODY = "Zk3-Qy7_mVt0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sTu"
PASSWORD = "p@ss/w:rd'\" %41 é"  # noqa: S105
DATABASE = "postgresql://betting:" + urllib.parse.quote(PASSWORD, safe="") + "@db.example/betting"
ROOT = "0f" * 32
SIGNATURE = "sig1=:K2qGT5srn2OGbOIDzQ6kYT+ruaycnDAAUpKv+ePFfD0=:"
COOKIE = "session=\"0123.abc\"; theme='dark'; id=4f3e2d1c"


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    stream = io.StringIO()
    configure("DEBUG", [DATABASE, ROOT], stream)
    yield Log(stream)
    logging.captureWarnings(False)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in before[0]:
        root.addHandler(handler)
    root.setLevel(before[1])
    logging.raiseExceptions = before[2]


@dataclass
class Log:
    stream: io.StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def test_a_line_has_its_fields_and_the_extras_as_keys(log: Log) -> None:
    token = request_id.set("0123456789abcdef")
    try:
        logging.getLogger("betting_ai.some").warning(
            "prices of %s are old", "E0", extra={"age_hours": 101.5, "leagues": ["E0", "SP1"]}
        )
    finally:
        request_id.reset(token)
    [line] = log.lines
    when = line.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    assert line == {
        "level": "WARNING",
        "message": "prices of E0 are old",
        "logger": "betting_ai.some",
        "request_id": "0123456789abcdef",
        "age_hours": 101.5,
        "leagues": ["E0", "SP1"],
    }


def test_an_access_line_says_who_what_and_how_long(log: Log) -> None:
    access("GET", "/api/v1/betting/events/{event_id}", 200, 0.01234, key_id="ab12", request="r1")
    [line] = log.lines
    del line["time"]
    assert line == {
        "level": "INFO",
        "message": "request",
        "logger": "betting_ai.access",
        "method": "GET",
        "route": "/api/v1/betting/events/{event_id}",
        "status": 200,
        "duration_ms": 12.34,
        "key_id": "ab12",
        "request_id": "r1",
    }


def test_access_lines_can_be_switched_off_by_level(log: Log) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    access("GET", "/health", 200, 0.01)
    assert log.text == ""


def test_an_error_is_told_with_where_it_arose(log: Log) -> None:
    try:
        int("no such thing")
    except ValueError:
        logging.getLogger("betting_ai").exception("failed")
    [line] = log.lines
    assert line["error"] == "builtins.ValueError"
    assert "no such thing" in line["trace"]
    assert "test_observability.py" in line["trace"]


@pytest.mark.parametrize(
    "sign", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00"]
)
def test_no_sign_makes_two_lines_of_one(log: Log, sign: str) -> None:
    forged = f'x{sign}{{"level":"INFO","message":"forged"}}'
    logging.getLogger("betting_ai").info(forged, extra={"name_of": forged, f"k{sign}": 1})
    assert len(log.text.splitlines()) == 1
    assert log.lines[0]["message"] == forged


class Sly:
    """Tells its secret only when it is turned into text."""

    def __str__(self) -> str:
        return f"<call with {TOKEN}>"

    __repr__ = __str__


class Broken:
    def __str__(self) -> str:
        raise RuntimeError(TOKEN)

    __repr__ = __str__


def chained() -> BaseException:
    try:
        try:
            int(DATABASE)
        except ValueError as error:
            error.add_note(f"Authorization: Bearer {TOKEN}")
            raise RuntimeError(f"signature was {SIGNATURE}") from error
    except RuntimeError as error:
        return error


NESTED: Any = {"a": [{"b": ({"c": f"token {TOKEN}"},)}]}
for _ in range(30):
    NESTED = {"deeper": [NESTED]}

ATTEMPTS: dict[str, Any] = {
    "a token in the sentence": lambda log: log.info(f"key {TOKEN} came"),
    "a token as an argument": lambda log: log.info("key %s came", TOKEN),
    "a token as a named argument": lambda log: log.info("key %(k)s came", {"k": TOKEN}),
    "a token in upper case": lambda log: log.info(TOKEN.upper()),
    "a token, percent-encoded": lambda log: log.info(TOKEN.replace("_", "%5F")),
    "a token in a path": lambda log: log.info(f"GET /x/{TOKEN}/y?a=1"),
    "a token in a query": lambda log: log.info(f"GET /x?token={TOKEN}&b=2"),
    "a token as bytes": lambda log: log.info(TOKEN.encode()),
    "a token as bytes in an argument": lambda log: log.info("%s", TOKEN.encode()),
    "a token as a message": lambda log: log.info({"key": TOKEN}),
    "a token as an extra": lambda log: log.info("x", extra={"what": TOKEN}),
    "a token as the name of an extra": lambda log: log.info("x", extra={"all": {TOKEN: 1}}),
    "a token deep in an extra": lambda log: log.info("x", extra={"all": NESTED}),
    "a token in a set": lambda log: log.info("x", extra={"all": {TOKEN}}),
    "a token in an object": lambda log: log.info("x", extra={"call": Sly()}),
    "an object that cannot be told": lambda log: log.info("x %s", Broken(), extra={"o": Broken()}),
    "arguments that do not fit": lambda log: log.info("%d of %d", TOKEN),  # noqa: PLE1206
    "too many arguments": lambda log: log.info("nothing", TOKEN, DATABASE),  # noqa: PLE1205
    "an address in the sentence": lambda log: log.info(f"connecting to {DATABASE}"),
    "an address, decoded": lambda log: log.info(urllib.parse.unquote(DATABASE)),
    "a password alone": lambda log: log.info(f"tried {PASSWORD}"),
    "a password in JSON": lambda log: log.info(json.dumps({"tried": PASSWORD})),
    "a password in a repr": lambda log: log.info(f"{PASSWORD!r}"),
    "an unknown address": lambda log: log.info("to postgres://me:hunter2hunter2@host:5432/db"),
    "an unknown address with signs": lambda log: log.info("to redis://:hunter2/hunter2@[::1]/0"),
    "a connection string": lambda log: log.info("host=h password=hunter2hunter2 user=u"),
    "a quoted connection string": lambda log: log.info("password = 'hunter2 \\' hunter2' x"),
    "a keyword in a repr": lambda log: log.info("connect(password='hunter2hunter2')"),
    "a key of a provider": lambda log: log.info("GET https://x/odds?apiKey=hunter2hunter2&r=eu"),
    "an extra called password": lambda log: log.info("x", extra={"db_password": "hunter2hunter2"}),
    "an extra called api-key": lambda log: log.info("x", extra={"h": {"X-Api-Key": "hunter2"}}),
    "a secret of pydantic": lambda log: log.info("x", extra={"value": SecretStr("hunter2hunter2")}),
    "a header line": lambda log: log.info(f"Authorization: Bearer {BODY}"),
    "a header in lower case": lambda log: log.info(f"authorization:bearer {BODY}"),
    "another scheme": lambda log: log.info(f"Authorization: Basic {BODY}"),
    "a proxy's header": lambda log: log.info(f"Proxy-Authorization: {BODY}"),
    "bearer without a header": lambda log: log.info(f"sent Bearer {BODY} to it"),
    "a header as a dict": lambda log: log.info(str({"authorization": f"Bearer {BODY}"})),
    "a header as JSON": lambda log: log.info(json.dumps({"Authorization": BODY})),
    "a header as JSON in JSON": lambda log: log.info(json.dumps(json.dumps({"Cookie": COOKIE}))),
    "headers as ASGI has them": lambda log: log.info(
        str([(b"authorization", f"Bearer {BODY}".encode()), (b"cookie", COOKIE.encode())])
    ),
    "headers as an extra": lambda log: log.info(
        "x", extra={"headers": {"Authorization": BODY, "Cookie": COOKIE, "Signature": SIGNATURE}}
    ),
    "raw headers as an extra": lambda log: log.info(
        "x", extra={"headers": [(b"authorization", BODY.encode()), (b"cookie", COOKIE.encode())]}
    ),
    "a cookie line": lambda log: log.info(f"Cookie: {COOKIE}"),
    "a cookie set": lambda log: log.info(f"set-cookie: {COOKIE}; HttpOnly"),
    "a signature line": lambda log: log.info(f"Signature: {SIGNATURE}"),
    "a signature alone": lambda log: log.info(f"got {SIGNATURE} for it"),
    "what was signed": lambda log: log.info(
        'Signature-Input: sig1=("@method");created=1;nonce="hunter2hunter2";keyid="k"'
    ),
    "an error with its causes": lambda log: log.error("failed", exc_info=chained()),
    "a group of errors": lambda log: log.error(
        "failed", exc_info=ExceptionGroup("some", [chained(), OSError(TOKEN)])
    ),
    "an error as an argument": lambda log: log.error("failed: %s", OSError(DATABASE)),
    "an error as an extra": lambda log: log.error("failed", extra={"error": OSError(TOKEN)}),
    "where it was called": lambda log: log.error(f"stack {TOKEN}", stack_info=True),
    "the root secret": lambda log: log.info(f"{ROOT} {ROOT.upper()[:0]}"),
    "a warning": lambda log: warnings.warn(f"bad address {DATABASE} {TOKEN}", stacklevel=1),
    "a line of uvicorn": lambda log: logging.getLogger("uvicorn.error").error(
        f"Exception {TOKEN}", extra={"color_message": f"[31m{TOKEN}"}
    ),
}
SECRETS = (
    BODY, BODY.upper(), "hunter2", PASSWORD, urllib.parse.quote(PASSWORD, safe=""),
    json.dumps(PASSWORD)[1:-1], json.dumps(json.dumps(PASSWORD))[2:-2], "w:rd", "0123.abc",
    "4f3e2d1c", "K2qGT5srn2OG", ROOT,
)  # fmt: skip


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_no_secret_gets_into_the_log(
    log: Log, attempt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("py.warnings").propagate = True
    ATTEMPTS[attempt](logging.getLogger("betting_ai.test"))
    assert len(log.lines) == 1
    decoded = json.dumps(log.lines, ensure_ascii=False)
    for secret in SECRETS:
        assert secret not in log.text
        assert secret not in decoded
        assert secret not in capsys.readouterr().err


def test_what_is_no_secret_stays_readable(log: Log) -> None:
    plain = (
        "GET https://api.example/v4/sports?regions=eu&markets=h2h answered 200",
        "the key abcd1234 was refused: nonce_used",
        "e0-2025-03-15-ipswich-nottm-forest at 2.15 with B365, stake 12.50",
        "no token was sent; basic checks passed; signature missing",
        "mail me@example.org",
    )
    for text in plain:
        logging.getLogger("betting_ai").info(text, extra={"key_id": "abcd1234", "monkey": 1})
    assert [line["message"] for line in log.lines] == list(plain)
    assert {line["key_id"] for line in log.lines} == {"abcd1234"}


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@given(before=TEXT, after=TEXT)
def test_a_token_is_hidden_whatever_stands_around_it(before: str, after: str) -> None:
    shown = Redactor().text(f"{before}{TOKEN}{after}")
    assert BODY not in shown
    assert HIDDEN in shown


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=8, max_size=40))
def test_a_known_secret_is_hidden_in_every_way_of_writing(secret: str) -> None:
    hide = Redactor([secret, f"postgresql://u:{urllib.parse.quote(secret, safe='')}@h/d"])
    for form in (
        secret,
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    ):
        assert form not in hide.text(f"a {form} b").removeprefix("a ").removesuffix(" b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.binary() | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(JSON)
def test_anything_can_be_logged(value: object) -> None:
    shown = Redactor().value(value)
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_a_line_is_whole_though_many_threads_write(log: Log) -> None:
    def write(number: int) -> None:
        for k in range(200):
            access("GET", "/x", 200, 0.001, key_id=f"{number}-{k}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({line["key_id"] for line in log.lines}) == 1600


def test_nothing_slow_is_loaded_to_log() -> None:
    code = (
        "import sys, betting_ai.observability as o; o.configure('INFO');"
        "print([m for m in ('sentry_sdk', 'aws_lambda_powertools', 'fastapi', 'pydantic')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert observability.HIDDEN == HIDDEN


def test_requests_of_one_turn_are_written_together_and_in_order(log: Log) -> None:
    class Counted(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    log.stream = stream = Counted()
    configure("INFO", stream=stream)

    def request(number: int) -> None:
        access("GET", "/x", 200, 0.001, request=str(number))

    async def turns() -> None:
        for number in range(50):
            request(number)
        assert stream.writes == 0
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert stream.writes == 1
        request(50)
        logging.getLogger("betting_ai.test").warning("told at once", extra={"request_id": "51"})
        assert [line["request_id"] for line in log.lines[-2:]] == ["50", "51"]
        request(52)
        asyncio.get_running_loop().stop()
        await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    with pytest.raises(RuntimeError, match="stopped"):
        loop.run_until_complete(turns())
    assert log.lines[-1]["request_id"] == "51"  # its loop has no more turns

    async def turn() -> None:
        request(53)

    asyncio.run(turn())
    request(54)  # outside of any loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert [line["request_id"] for line in log.lines] == [str(number) for number in range(55)]
