"""Signatures: the published vectors, an independent library, and what cannot be signed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

from betting_ai.api.client import KeyAuth
from betting_ai.api.signatures import (
    COMPONENTS,
    LABEL,
    TAG,
    Authorities,
    Message,
    Received,
    plain_authority,
    sign,
    verify,
)
from betting_ai.clock import FixedClock
from betting_ai.domain.keys import Token
from betting_ai.errors import InvalidInputError, UnauthorizedError
from signature_vectors import GOOD, KEY_ID, PLAIN, VECTORS, Vector

SECRET = PLAIN.secrets[0]
TOKEN = Token.make(KEY_ID, bytes(32)).text
GUIDE = (Path(__file__).parents[2] / "docs" / "signatures.md").read_text(encoding="utf-8")


def check(vector: Vector, received: Received | None = None) -> str | None:
    """Why the server refuses a vector; None where it does not."""
    try:
        verified = verify(
            received or vector.received,
            key_id=KEY_ID,
            secrets=vector.secrets,
            now=vector.now,
            authorities=vector.authorities,
        )
    except UnauthorizedError as error:
        return error.reason
    sent = vector.headers
    assert verified.idempotency_key == sent["Idempotency-Key"]
    assert f'nonce="{verified.nonce}"' in sent["Signature-Input"]
    assert f"expires={verified.expires_at.timestamp():.0f}" in sent["Signature-Input"]
    return None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_server_comes_to_the_published_verdict(vector: Vector) -> None:
    assert check(vector) == vector.told.get("reason")


def test_the_vectors_cover_every_reason_there_is() -> None:
    source = Path(verify.__code__.co_filename).read_text(encoding="utf-8")
    reasons = set(re.findall(r'UnauthorizedError\("(\w+)"\)', source))
    told = {vector.told["reason"] for vector in VECTORS if not vector.good}
    assert reasons - told == {"message_malformed"}


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector.name)
def test_their_base_is_what_is_signed(vector: Vector) -> None:
    sent, received = vector.headers, vector.received
    message = Message(
        received.method,
        plain_authority(sent["Host"]),
        received.path,
        sent["Content-Type"],
        sent["Idempotency-Key"],
        received.body,
    )
    parameters = sent["Signature-Input"].partition(")")[2]
    assert message.base(parameters) == vector.told["base"]


OTHER_FORMS = {"algorithm_named", "parameters_in_another_order"}  # good, and not how we write it


@pytest.mark.parametrize(
    "vector", [v for v in GOOD if v.name not in OTHER_FORMS], ids=lambda vector: vector.name
)
def test_the_client_signs_them_alike(vector: Vector) -> None:
    sent = vector.headers
    told = dict(re.findall(r';(\w+)="?([^;"]+)', sent["Signature-Input"]))
    created, expires = int(told["created"]), int(told["expires"])
    signed = sign(
        Message(
            "POST",
            plain_authority(sent["Host"]),
            vector.received.path,
            sent["Content-Type"],
            sent["Idempotency-Key"],
            vector.received.body,
        ),
        key_id=told["keyid"],
        secret=vector.told["signed_with"],
        created=datetime.fromtimestamp(created, vector.now.tzinfo),
        nonce=told["nonce"],
        lifetime=timedelta(seconds=expires - created),
    )
    assert signed == {name: sent[name] for name in signed}


def test_httpx_sends_the_plain_vector() -> None:
    auth = KeyAuth(TOKEN, SECRET, clock=FixedClock(PLAIN.now), random=lambda n: bytes(range(n)))
    request = httpx.Request(
        "POST",
        "https://bets.example.org/api/v1/betting/bets",
        content=PLAIN.received.body,
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": PLAIN.headers["Idempotency-Key"],
        },
    )
    [sent] = list(auth.sync_auth_flow(request))
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert {name: sent.headers[name] for name in PLAIN.headers} == PLAIN.headers


def call(url: str, auth: KeyAuth, **more: object) -> httpx.Request:
    method = str(more.pop("method", "POST"))
    [sent] = list(auth.sync_auth_flow(httpx.Request(method, url, **more)))  # type: ignore[arg-type]
    return sent


def test_each_sending_has_a_nonce_and_a_name_of_its_own() -> None:
    auth = KeyAuth(TOKEN, SECRET)
    first, second = (call("http://127.0.0.1/x", auth, json={}) for _ in range(2))
    for name in ("Idempotency-Key", "Signature-Input", "Signature"):
        assert first.headers[name] != second.headers[name]
    named = {"Idempotency-Key": "mine"}
    assert call("http://127.0.0.1/x", auth, headers=named).headers["Idempotency-Key"] == "mine"


def test_questions_are_not_signed_nor_is_anything_without_a_secret() -> None:
    for sent in (
        call("http://127.0.0.1/x?a=b", KeyAuth(TOKEN, SECRET), method="GET"),
        call("http://127.0.0.1/x?a=b", KeyAuth(TOKEN), json={}),
    ):
        assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
        assert not {"Signature", "Signature-Input", "Content-Digest"} & set(sent.headers)


def test_a_stage_is_left_out_of_the_path() -> None:
    clock = FixedClock(PLAIN.now)
    auth = KeyAuth(TOKEN, SECRET, stage="/prod/", clock=clock, random=lambda n: bytes(range(n)))
    sent = call(
        "https://bets.example.org/prod/api/v1/betting/bets",
        auth,
        content=PLAIN.received.body,
        headers={"Idempotency-Key": PLAIN.headers["Idempotency-Key"]},
    )
    assert check(PLAIN, as_received(sent, PLAIN.received.path)) is None
    with pytest.raises(InvalidInputError, match="stage"):
        call("https://bets.example.org/api/v1/betting/bets", auth)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("https://bets.example.org/x?y=z", {}),
        ("https://bets.example.org/x", {"Idempotency-Key": "two words"}),
        ("https://bets.example.org/x", {"Idempotency-Key": ""}),
        ("https://bets.example.org/x", {"Idempotency-Key": "x" * 201}),
        ("https://bets.example.org/x", {"Content-Type": "text/\tplain"}),
        ("https://bets.example.org/x", {"Host": "user@bets.example.org"}),
    ],
)
def test_what_cannot_be_signed_is_not_sent(url: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError):
        call(url, KeyAuth(TOKEN, SECRET), headers=headers)


@pytest.mark.parametrize("path", ["", "bets", "/bets?x=y", "/bets#x", "/b ets", "/b\u00e9ts"])
def test_nor_is_a_path_that_is_none(path: str) -> None:
    with pytest.raises(InvalidInputError, match="path"):
        Message("POST", "bets.example.org", path, "application/json", "mine", b"")


def test_a_client_needs_a_token_and_does_not_quote_what_it_was_given() -> None:
    with pytest.raises(InvalidInputError) as refused:
        KeyAuth("bai_hunter2", SECRET)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "localhost:1", "[::1]:8000"])
def test_this_machine_is_known_where_nothing_is_configured(name: str) -> None:
    assert name in Authorities.of(())
    assert name not in Authorities.of(["bets.example.org"])


@pytest.mark.parametrize("name", ["localhost.example.org", "127.0.0.1.example.org", "[::2]", ""])
def test_nothing_else_is(name: str) -> None:
    assert name not in Authorities.of(())


def test_configured_names_are_read_as_hosts_are() -> None:
    known = Authorities.of(["BETS.example.org:443", "10.0.0.7:8443"])
    assert "bets.example.org" in known
    assert "10.0.0.7:8443" in known
    assert "10.0.0.7" not in known


# The independent library.


@dataclass
class Call:
    """A call as the library sees one."""

    url: str = "https://bets.example.org/api/v1/betting/bets"
    method: str = "POST"
    headers: dict[str, str] = field(
        default_factory=lambda: {
            "Content-Type": "application/json",
            "Idempotency-Key": PLAIN.headers["Idempotency-Key"],
        }
    )


BODY = PLAIN.received.body
KEYS = MappingKeyResolver(
    public_keys={KEY_ID: SECRET.encode()}, private_keys={KEY_ID: SECRET.encode()}
)


def as_received(sent: httpx.Request, path: str) -> Received:
    return Received(sent.method, path, b"", sent.headers.raw, sent.content)


def library_signs(now: datetime, **other: object) -> Received:
    asked = Call()
    usual: dict[str, object] = {
        "key_id": KEY_ID,
        "created": now,
        "expires": now + timedelta(seconds=60),
        "nonce": "000102030405060708090a0b0c0d0e0f",
        "label": LABEL,
        "tag": TAG,
        "covered_component_ids": COMPONENTS,
    }
    HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=KEYS).sign(
        asked, body=BODY, **(usual | other)
    )
    lines = [(name.encode(), text.encode()) for name, text in asked.headers.items()]
    return replace(PLAIN.received, headers=[(b"host", b"bets.example.org"), *lines])


@pytest.mark.parametrize("with_algorithm", [True, False])
def test_we_verify_what_the_library_signs(with_algorithm: bool) -> None:
    assert check(PLAIN, library_signs(PLAIN.now, include_alg=with_algorithm)) is None


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"label": "sig2"}, "signature_malformed"),
        ({"tag": None}, "parameters"),
        ({"nonce": None}, "parameters"),
        ({"expires": None}, "parameters"),
        ({"covered_component_ids": COMPONENTS[::-1]}, "signature_malformed"),
        ({"covered_component_ids": COMPONENTS[:5]}, "signature_malformed"),
    ],
)
def test_but_only_in_this_profile(other: dict[str, object], reason: str) -> None:
    assert check(PLAIN, library_signs(PLAIN.now, **other)) == reason


def library_verifies(headers: dict[str, str], now: datetime) -> object:
    asked = SimpleNamespace(url=Call().url, method="POST", headers=headers)
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=KEYS)
    [found] = verifier.verify(asked, expect_tag=TAG, require_components=COMPONENTS, body=BODY)
    return found.parameters


def test_the_library_verifies_what_we_sign() -> None:
    now = datetime.now(PLAIN.now.tzinfo)
    auth = KeyAuth(TOKEN, SECRET, clock=FixedClock(now))
    sent = call(Call().url, auth, content=BODY, headers=Call().headers)
    headers = dict(sent.headers)
    told = library_verifies(headers, now)
    assert told["keyid"] == KEY_ID  # type: ignore[index]
    assert told["created"] == int(now.timestamp())  # type: ignore[index]
    with pytest.raises(InvalidSignature):
        library_verifies(headers | {"idempotency-key": "another"}, now)


# The guide.


def test_the_guide_works_the_plain_vector_through() -> None:
    assert f"```\n{PLAIN.told['base']}\n```" in GUIDE
    assert f"Signature: {PLAIN.headers['Signature']}" in GUIDE
    assert SECRET in GUIDE
    assert f"`{BODY.decode()}`" in GUIDE
