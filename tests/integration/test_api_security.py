"""Who may call the API, over real HTTP: keys, scopes, signatures, cookies, and what is logged."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Semaphore
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from mangum import Mangum
from sqlalchemy import event
from sqlalchemy.engine import Engine
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.api.client import KeyAuth
from betting_ai.api.security import KEPT_SECONDS, Caller, Security, SignedCall, security_of
from betting_ai.api.signatures import Authorities
from betting_ai.bootstrap import App, build
from betting_ai.clock import MovingClock
from betting_ai.domain.keys import Scope, Token
from betting_ai.errors import DomainError, ForbiddenError, UnauthorizedError
from betting_ai.ports.unit_of_work import UnitOfWork
from betting_ai.settings import load_settings
from betting_ai.usecases.manage_keys import CreateKeyCommand, NewSecrets
from integration.api_world import Api, listening, served

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GUIDE = (Path(__file__).parents[2] / "docs" / "signatures.md").read_text(encoding="utf-8")
EVERYTHING = frozenset(Scope)


async def reader(request: Request) -> Caller:
    return await security_of(request).caller(request, Scope.READ)


async def better(request: Request) -> SignedCall:
    return await security_of(request).signed_call(request, Scope.BET)


async def visitor(request: Request) -> Caller:
    value = request.cookies.get("key", "")
    return await security_of(request).cookie_caller(request, value, Scope.READ)


@dataclass
class Site:
    """A small application behind `Security`, whose time and patience a test sets."""

    app: App
    engine: Engine
    clock: MovingClock = field(default_factory=lambda: MovingClock(NOW))
    seconds: float = 0.0
    url: str = ""
    gate: Event = field(default_factory=Event)
    at_the_gate: Semaphore = field(default_factory=lambda: Semaphore(0))

    def __post_init__(self) -> None:
        self.gate.set()

    def units(self) -> UnitOfWork:
        """A transaction, once the gate is open."""
        self.at_the_gate.release()
        assert self.gate.wait(60)
        return unit_of_work_factory(self.engine)()

    def api(self) -> FastAPI:
        api = FastAPI()
        api.state.security = Security(
            self.units,
            self.app.secrets,
            self.clock,
            Authorities.of(()),
            timer=lambda: self.seconds,
        )

        @api.get("/read")
        async def read(found: Annotated[Caller, Depends(reader)]) -> str:
            return found.key.id

        @api.post("/bet")
        def bet(call: Annotated[SignedCall, Depends(better)]) -> list[str]:
            return [call.route, call.idempotency_key, call.body.decode("latin-1")]

        @api.post("/login")
        async def login(request: Request) -> str:
            token = (await request.body()).decode("latin-1")
            return await security_of(request).sign_in(request, token, Scope.READ)

        @api.get("/page")
        async def page(found: Annotated[Caller, Depends(visitor)]) -> str:
            return found.key.id

        def refuse(request: Request, error: Exception) -> Response:
            assert isinstance(error, DomainError)
            status = 401 if isinstance(error, UnauthorizedError) else 403
            return Response(f"{error.code}: {error}", status)

        api.add_exception_handler(UnauthorizedError, refuse)
        api.add_exception_handler(ForbiddenError, refuse)
        return api

    def key(self, *scopes: Scope, lifetime: timedelta | None = None) -> NewSecrets:
        create = replace(self.app.create_key, clock=self.clock)
        return create(CreateKeyCommand("mine", frozenset(scopes) or EVERYTHING, lifetime))

    def get(self, path: str, token: str | None, **more: Any) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.url}{path}", headers=headers, **more)

    def auth(self, made: NewSecrets, **other: Any) -> KeyAuth:
        usual = {"signing_secret": made.signing_secret, "clock": self.clock}
        return KeyAuth(made.token, **(usual | other))

    def bet(self, made: NewSecrets, **other: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/bet", content=b"{}", auth=self.auth(made, **other))

    def signed(self, made: NewSecrets, **headers: str) -> httpx.Request:
        """A signed call that was not sent yet."""
        asked = httpx.Request("POST", f"{self.url}/bet", content=b"{}", headers=headers)
        [sent] = list(self.auth(made).sync_auth_flow(asked))
        return sent

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """What the database is told while the block runs."""
        told: list[str] = []

        def note(connection: object, cursor: object, statement: str, *_: object) -> None:
            told.append(statement)

        event.listen(self.engine, "before_cursor_execute", note)
        yield told
        event.remove(self.engine, "before_cursor_execute", note)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        settings = load_settings(home=tmp_path, database_url=database_url)
        engine = connect(database_url, pool="server")
        stack.callback(engine.dispose)
        found = Site(stack.enter_context(build(settings)), engine)
        found.url = stack.enter_context(listening(found.api()))
        yield found


def test_a_key_reads(site: Site) -> None:
    made = site.key(Scope.READ)
    assert site.get("/read", made.token).json() == made.key.id
    scheme = {"Authorization": f"bearer {made.token}"}
    assert httpx.get(f"{site.url}/read", headers=scheme).status_code == 200


def test_whoever_has_none_reads_the_same_refusal(site: Site) -> None:
    dead, old = site.key(), site.key(lifetime=timedelta(minutes=1))
    site.app.revoke_key(dead.key.id)
    site.clock.move(NOW + timedelta(minutes=1))
    good = site.key().token
    lines: list[list[tuple[str, str]]] = [
        [],
        [("Authorization", "")],
        [("Authorization", good)],
        [("Authorization", f"Basic {good}")],
        [("Authorization", f"Bearer  {good}")],
        [("Authorization", f"Bearer {good}x")],
        [("Authorization", f"Bearer {good[:-1]}{'A' if good[-1] != 'A' else 'E'}")],
        [("Authorization", f"Bearer {Token.make('0' * 16, bytes(32)).text}")],
        [("Authorization", f"Bearer {dead.token}")],
        [("Authorization", f"Bearer {old.token}")],
        [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")],
        [("Cookie", f"key={good}")],
    ]
    told = {httpx.get(f"{site.url}/read", headers=sent).text for sent in lines}
    told |= {httpx.get(f"{site.url}/read", params={"token": good}).text}
    assert told == {f"unauthorized: {UnauthorizedError('')}"}


def test_reading_costs_one_look_at_the_database_in_some_seconds(site: Site) -> None:
    made = site.key()
    site.get("/read", made.token)
    with site.statements() as told:
        for _ in range(20):
            assert site.get("/read", made.token).status_code == 200
        assert told == []
        site.seconds = KEPT_SECONDS
        assert site.get("/read", made.token).status_code == 200
    assert len(told) > 0


def test_of_many_readers_one_renews_what_is_known(site: Site) -> None:
    """While one waits for the database, the others are answered; but not past the end."""
    made = site.key()
    site.get("/read", made.token)
    site.app.revoke_key(made.key.id)
    site.gate.clear()
    site.seconds = KEPT_SECONDS - 0.1
    while site.at_the_gate.acquire(blocking=False):
        pass
    with ThreadPoolExecutor(2) as pool:
        renewing = pool.submit(site.get, "/read", made.token, timeout=60)
        assert site.at_the_gate.acquire(timeout=60)
        for _ in range(10):
            assert site.get("/read", made.token).status_code == 200
        site.seconds = KEPT_SECONDS
        late = pool.submit(site.get, "/read", made.token, timeout=60)
        site.gate.set()
        assert (renewing.result().status_code, late.result().status_code) == (401, 401)


def test_any_number_of_readers_are_one_question(site: Site) -> None:
    made = site.key()
    site.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(site.get, "/read", made.token, timeout=60) for _ in range(20)]
        assert site.at_the_gate.acquire(timeout=60)
        site.gate.set()
        assert {one.result().status_code for one in waiting} == {200}
    assert not site.at_the_gate.acquire(blocking=False)


def test_a_revoked_key_reads_for_no_longer_than_that(site: Site) -> None:
    made = site.key()
    assert site.get("/read", made.token).status_code == 200
    site.app.revoke_key(made.key.id)
    assert site.get("/read", made.token).status_code == 200
    site.seconds = KEPT_SECONDS
    assert site.get("/read", made.token).status_code == 401


def test_but_it_bets_no_more_at_once(site: Site) -> None:
    made = site.key()
    assert site.bet(made).status_code == 200
    site.app.revoke_key(made.key.id)
    assert site.get("/read", made.token).status_code == 200
    assert site.bet(made).status_code == 401


def test_an_expired_key_reads_no_more_at_once(site: Site) -> None:
    made = site.key(lifetime=timedelta(minutes=1))
    assert site.get("/read", made.token).status_code == 200
    site.clock.move(NOW + timedelta(minutes=1))
    assert site.get("/read", made.token).status_code == 401


def test_a_new_token_is_good_at_once(site: Site) -> None:
    made = site.key()
    assert site.get("/read", made.token).status_code == 200
    rotated = site.app.rotate_key(made.key.id)
    assert site.get("/read", rotated.token).status_code == 200
    assert site.get("/read", made.token).status_code == 200


def test_while_a_rotation_is_open_both_secrets_sign(site: Site) -> None:
    first = site.key()
    second = site.app.rotate_key(first.key.id)
    mixed = replace(second, signing_secret=first.signing_secret)
    for made in (first, second, mixed):
        assert site.bet(made).status_code == 200
    site.app.finish_rotation(first.key.id)
    assert [site.bet(made).status_code for made in (first, second, mixed)] == [401, 200, 401]
    third = site.app.rotate_key(first.key.id)
    fourth = site.app.rotate_key(first.key.id)
    assert [site.bet(made).status_code for made in (second, third, fourth)] == [401, 200, 200]


def test_a_key_may_do_what_its_scopes_say(site: Site) -> None:
    reads, bets, pays = site.key(Scope.READ), site.key(Scope.BET), site.key(Scope.TRANSFER)
    assert site.get("/read", bets.token).status_code == 403
    assert site.get("/read", bets.token).text.startswith("forbidden: ")
    assert site.bet(bets).status_code == 200
    assert site.bet(pays).status_code == 403
    assert site.bet(reads, signing_secret=bets.signing_secret).status_code == 403
    assert site.get("/read", reads.token).status_code == 200


def test_a_signed_call_arrives_as_it_was_signed(site: Site) -> None:
    made = site.key()
    content = bytes(range(256))
    headers = {"Idempotency-Key": "mine", "Content-Type": "application/octet-stream"}
    told = httpx.post(f"{site.url}/bet", content=content, headers=headers, auth=site.auth(made))
    assert told.json() == ["POST /bet", "mine", content.decode("latin-1")]


def test_so_does_one_of_an_async_client(site: Site) -> None:
    import asyncio

    made = site.key()

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(base_url=site.url, auth=site.auth(made)) as client:
            return await client.post("/bet", json={"a": 1})

    assert asyncio.run(call()).json()[2] == '{"a":1}'


def test_what_is_changed_on_the_way_is_refused_the_same(site: Site) -> None:
    made, other = site.key(), site.key()
    refusals = []
    for change in (
        {"headers": {"Signature": ""}},
        {"headers": {"Idempotency-Key": "another"}},
        {"headers": {"Content-Type": "text/plain"}},
        {"headers": {"Authorization": f"Bearer {other.token}"}},
        {"content": b"{ }"},
        {"url": f"{site.url}/bet?venue=stake"},
        {"url": site.url.replace("127.0.0.1", "localhost") + "/bet"},
    ):
        sent = site.signed(made)
        headers = dict(sent.headers) | {
            name.lower(): text for name, text in change.get("headers", {}).items()
        }
        for name in ("host", "content-length"):
            headers.pop(name)
        told = httpx.post(
            change.get("url", f"{site.url}/bet"),
            content=change.get("content", b"{}"),
            headers=headers,
        )
        refusals.append((told.status_code, told.text))
    assert set(refusals) == {(401, f"unauthorized: {UnauthorizedError('')}")}
    for header in ("Signature", "Signature-Input", "Content-Digest", "Idempotency-Key"):
        sent = site.signed(made)
        del sent.headers[header]
        with httpx.Client() as client:
            assert client.send(sent).status_code == 401


def test_a_signature_is_good_once_however_many_send_it(site: Site) -> None:
    sent = site.signed(site.key())

    def send(_: int) -> int:
        with httpx.Client() as client:
            return client.send(sent).status_code

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert sorted(answers) == [200] + [401] * 19


def test_whoever_cannot_sign_uses_up_no_nonce(site: Site) -> None:
    made = site.key()
    sent = site.signed(made)
    forged = httpx.Request("POST", sent.url, content=b"{}", headers=sent.headers)
    forged.headers["Signature"] = "sig1=:" + "A" * 43 + "=:"
    with httpx.Client() as client:
        assert client.send(forged).status_code == 401
        assert client.send(sent).status_code == 200


def test_the_clock_decides(site: Site) -> None:
    made = site.key()
    early, late = (MovingClock(NOW + timedelta(seconds=off)) for off in (-61, 61))
    assert site.bet(made, clock=early).status_code == 401
    assert site.bet(made, clock=late).status_code == 401
    assert site.bet(made).status_code == 200


@pytest.mark.parametrize("stage", ["", "/prod"])
def test_under_a_stage_the_path_is_signed_without_it(site: Site, stage: str) -> None:
    """A gateway may pass the stage on, or not."""
    auth, api = site.auth(site.key(), stage=stage), site.api()

    async def staged(scope: ASGIScope, receive: Receive, send: Send) -> None:
        root = {} if scope["type"] == "lifespan" else {"root_path": "/prod"}
        await api({**scope, **root}, receive, send)

    with listening(staged) as url:
        told = httpx.post(f"{url}{stage}/bet", content=b"{}", auth=auth)
    assert told.json()[0] == "POST /bet"


@pytest.mark.usefixtures("event_loop")
@pytest.mark.parametrize("encoded", [False, True])
def test_so_it_is_behind_a_gateway_of_aws(site: Site, encoded: bool) -> None:
    content = "\u00fc".encode()
    asked = httpx.Request("POST", "http://localhost/prod/bet", content=content)
    [sent] = list(site.auth(site.key(), stage="/prod").sync_auth_flow(asked))
    body = base64.b64encode(content).decode() if encoded else content.decode()
    call = {
        "resource": "/{proxy+}",
        "path": "/bet",
        "httpMethod": "POST",
        "headers": dict(sent.headers),
        "multiValueHeaders": {name: [value] for name, value in sent.headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"stage": "prod", "path": "/prod/bet", "identity": {}},
        "body": body,
        "isBase64Encoded": encoded,
    }
    told = Mangum(site.api(), lifespan="off")(call, None)  # type: ignore[arg-type]
    assert told["statusCode"] == 200, told
    assert json.loads(told["body"])[::2] == ["POST /bet", content.decode("latin-1")]


def test_without_the_root_secret_it_was_made_with_a_key_signs_nothing(site: Site) -> None:
    made = site.key()
    (site.app.settings.home / "secrets" / "root_secret").unlink()
    assert site.bet(made).status_code == 401
    assert site.get("/read", made.token).status_code == 200


# The dashboard's cookie.


def test_a_cookie_stands_for_the_key_it_was_given_for(site: Site) -> None:
    made = site.key(Scope.READ)
    value = httpx.post(f"{site.url}/login", content=made.token).json()
    assert re.fullmatch(r"[0-9a-f.]+", value)
    assert made.token.split("_", 2)[-1] not in value
    assert page(site, value).json() == made.key.id
    assert page(site, value[:-1] + ("0" if value[-1] != "0" else "1")).status_code == 401
    assert httpx.get(f"{site.url}/page").status_code == 401
    assert site.get("/read", value).status_code == 401


@pytest.mark.parametrize("token", ["", "hunter2", Token.make("0" * 16, bytes(32)).text])
def test_nobody_signs_in_without_a_key(site: Site, token: str) -> None:
    assert httpx.post(f"{site.url}/login", content=token).status_code == 401


def test_nor_with_one_that_may_not_read(site: Site) -> None:
    assert httpx.post(f"{site.url}/login", content=site.key(Scope.BET).token).status_code == 403


def test_a_cookie_ends_after_twelve_hours(site: Site) -> None:
    value = httpx.post(f"{site.url}/login", content=site.key().token).json()
    site.clock.move(NOW + timedelta(hours=12) - timedelta(seconds=1))
    assert page(site, value).status_code == 200
    site.clock.move(NOW + timedelta(hours=12))
    assert page(site, value).status_code == 401


def test_it_ends_with_its_key_and_with_its_generation(site: Site) -> None:
    made, other = site.key(), site.key()
    values = [httpx.post(f"{site.url}/login", content=one.token).json() for one in (made, other)]
    site.app.revoke_key(made.key.id)
    site.app.rotate_key(other.key.id)
    site.seconds += KEPT_SECONDS
    assert [page(site, value).status_code for value in values] == [401, 200]
    site.app.finish_rotation(other.key.id)
    site.seconds += KEPT_SECONDS
    assert [page(site, value).status_code for value in values] == [401, 401]


def page(site: Site, value: str) -> httpx.Response:
    return httpx.get(f"{site.url}/page", headers={"Cookie": f"key={value}"})


# What is logged.


def test_the_log_has_the_reason_and_no_secret(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    made = site.key(Scope.BET)
    with caplog.at_level(logging.DEBUG, logger="betting_ai"):
        site.get("/read", None)
        site.get("/read", made.token)
        site.get("/read", made.token[:-1])
        sent = site.signed(made)
        with httpx.Client() as client:
            client.send(sent)
            client.send(sent)
        page(site, "hunter2")
    told = [
        (record.reason, record.key_id, record.route)  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "betting_ai.api"
    ]
    assert told == [
        ("key_missing", None, "GET /read"),
        ("scope", made.key.id, "GET /read"),
        ("token_malformed", None, "GET /read"),
        ("nonce_used", made.key.id, "POST /bet"),
        ("cookie_malformed", None, "GET /page"),
    ]
    written = "".join(
        str(vars(record)) for record in caplog.records if record.name == "betting_ai.api"
    )
    for secret in (made.token, made.signing_secret, sent.headers["Signature"], "hunter2"):
        assert str(secret).split("_", 2)[-1] not in written


# The guide, against the application itself.


@pytest.fixture
def api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    with served(database_url, tmp_path) as api:
        yield api


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(
    "command",
    [["bash", "-eu", "-c", block("bash")], [sys.executable, "-c", block("python")]],
    ids=["bash", "python"],
)
def test_what_the_guide_shows_works(api: Api, command: list[str]) -> None:
    made = api.key("bet")
    given = {"URL": api.url, "TOKEN": made.token, "SECRET": str(made.signing_secret)}
    for secret, told in (
        (given["SECRET"], "there is no pick 17"),
        (f"{given['SECRET']}x", "this call needs a valid key"),
    ):
        ran = subprocess.run(
            command,
            env=os.environ | given | {"SECRET": secret},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert told in ran.stdout
        assert ran.stderr == ""


def test_the_application_does_a_signed_call_once(api: Api) -> None:
    with api.client("bet") as client:

        def bet(name: str, number: int) -> httpx.Response:
            asked = {"recommendation_id": number}
            headers = {"Idempotency-Key": name}
            return client.post("/api/v1/betting/bets", json=asked, headers=headers)

        first, again, other, new = bet("a", 1), bet("a", 1), bet("a", 2), bet("b", 1)
    assert first.status_code == again.status_code == new.status_code
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in new.headers
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_the_application_refuses_alike(api: Api) -> None:
    made = api.key("read", "bet")
    forger = KeyAuth(made.token, "bai_secret_of_somebody_else")
    bets = f"{api.url}/api/v1/betting/bets"
    refused = [
        httpx.get(f"{api.url}/api/v1/betting/top3"),
        httpx.post(bets, json={"recommendation_id": 1}),
        httpx.post(bets, json={"recommendation_id": 1}, auth=forger),
        httpx.post(bets, content=b"no JSON", auth=forger),
        httpx.post(bets, json={"recommendation_id": 1}, auth=KeyAuth(made.token)),
    ]
    assert {one.status_code for one in refused} == {401}
    assert {one.json()["code"] for one in refused} == {"unauthorized"}
    assert len({one.json()["detail"] for one in refused}) == 1
    assert {one.headers["WWW-Authenticate"] for one in refused} == {"Bearer"}
