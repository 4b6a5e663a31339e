"""Whatever is changed in a signed call, it is refused, and never by another error."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from betting_ai.api.security import Caller, DashboardCookie
from betting_ai.api.signatures import COMPONENTS, Received, plain_authority, verify
from betting_ai.clock import FixedClock
from betting_ai.domain.keys import ApiKey, Scope, Token
from betting_ai.errors import UnauthorizedError
from signature_vectors import KEY_ID, PLAIN

HEADERS = PLAIN.received.headers
NAMES = [name.decode() for name, _ in HEADERS]
SECRET = PLAIN.secrets[0]
TOKEN = Token.make(KEY_ID, bytes(range(32)))
KEY = ApiKey(KEY_ID, "mine", frozenset({Scope.READ}), TOKEN.digest, PLAIN.now)


class OneSecret:
    def read(self, name: str) -> bytes:
        return b"one secret of thirty-two bytes..."


COOKIE = DashboardCookie(OneSecret(), FixedClock(PLAIN.now))
VALUE = COOKIE.seal(Caller(KEY, 1))


def refused(received: Received) -> bool:
    """Whether it is; any other error than the one there is fails the test."""
    try:
        verify(
            received,
            key_id=KEY_ID,
            secrets=[SECRET],
            now=PLAIN.now,
            authorities=PLAIN.authorities,
        )
    except UnauthorizedError:
        return True
    return False


def with_header(name: str, value: bytes) -> Received:
    changed = [(known, value if known == name.encode() else before) for known, before in HEADERS]
    return replace(PLAIN.received, headers=changed)


def edited(text: bytes) -> st.SearchStrategy[bytes]:
    """A text with one byte changed, left out or added."""
    places = st.integers(0, len(text) - 1)
    some = st.binary(max_size=2)
    return st.builds(
        lambda at, put, cut: text[:at] + put + text[at + cut :], places, some, st.integers(0, 2)
    )


def test_untouched_it_is_accepted() -> None:
    assert not refused(PLAIN.received)


@pytest.mark.parametrize(("name", "value"), HEADERS, ids=NAMES)
@given(data=st.data())
def test_no_header_may_differ_in_a_byte(name: bytes, value: bytes, data: st.DataObject) -> None:
    changed = data.draw(edited(value))
    same = changed.strip(b" \t") == value  # white space around a header is not part of it
    if name == b"Host":
        same = plain_authority(changed.decode("latin-1").strip(" \t")) == value.decode()
    assert refused(with_header(name.decode(), changed)) is not same


@pytest.mark.parametrize(("name", "value"), HEADERS, ids=NAMES)
def test_nor_at_any_one_place(name: bytes, value: bytes) -> None:
    for at in range(len(value)):
        for put in (b"", b" ", b'"', b";", b":", b"\x00", b"\xff", b"\n", b"A", b"0"):
            changed = value[:at] + put + value[at + 1 :]
            if changed.strip(b" \t").lower() != value.lower():
                assert refused(with_header(name.decode(), changed)), changed


@given(name=st.sampled_from(NAMES), value=st.binary(max_size=400))
def test_any_bytes_as_a_header_are_refused(name: str, value: bytes) -> None:
    assume(value.strip(b" \t") != dict(HEADERS)[name.encode()])
    assert refused(with_header(name, value))


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=60)), max_size=10))
def test_any_headers_are_refused(lines: list[tuple[str, bytes]]) -> None:
    made = [(name.encode(), value) for name, value in lines]
    assert refused(replace(PLAIN.received, headers=made))


@given(
    left_out=st.sets(st.integers(0, len(HEADERS) - 1), max_size=2),
    twice=st.sets(st.integers(0, len(HEADERS) - 1), max_size=2),
)
def test_each_header_must_be_there_once(left_out: set[int], twice: set[int]) -> None:
    lines = [line for number, line in enumerate(HEADERS) if number not in left_out]
    lines += [HEADERS[number] for number in twice]
    whole = sorted(lines) == sorted(HEADERS)
    assert refused(replace(PLAIN.received, headers=lines)) is not whole


@given(
    method=st.text(max_size=10),
    path=st.text(max_size=50),
    query=st.binary(max_size=20),
    body=st.binary(max_size=100),
)
@example(method="POST", path="/api/v1/betting/bets?", query=b"", body=PLAIN.received.body)
@example(method="POST", path="/api/v1/betting/bets", query=b"x", body=PLAIN.received.body)
@example(method="post", path="/api/v1/betting/bets", query=b"", body=PLAIN.received.body)
def test_nor_may_the_call_differ(method: str, path: str, query: bytes, body: bytes) -> None:
    seen = PLAIN.received
    assert refused(Received(method, path, query, seen.headers, body))
    for one in (
        replace(seen, method=method),
        replace(seen, path=path),
        replace(seen, query=query),
        replace(seen, body=body),
    ):
        assert refused(one) is (one != seen)


VALUES = st.one_of(
    st.integers(-5, 10**15).map(str),
    st.integers(-70, 130).map(lambda off: str(int(PLAIN.now.timestamp()) + off)),
    st.text(st.characters(max_codepoint=255), max_size=40).map(lambda text: f'"{text}"'),
    st.sampled_from(['"top3-v1"', f'"{KEY_ID}"', '"hmac-sha256"', f'"{"a" * 32}"', ":YQ==:", "?1"]),
)
PARAMETERS = st.lists(
    st.tuples(
        st.sampled_from(["created", "expires", "nonce", "keyid", "tag", "alg", "x", "Created"]),
        VALUES,
    ),
    max_size=8,
)


@given(PARAMETERS, st.permutations(COMPONENTS), st.integers(4, 6))
def test_what_was_signed_in_another_form_is_refused_too(
    parameters: list[tuple[str, str]], components: list[str], count: int
) -> None:
    """The signature itself is right here: it is the form that decides."""
    assert refused(rightly_signed(parameters, tuple(components[:count]))) or (
        tuple(components[:count]) == COMPONENTS and in_profile(parameters)
    )


@given(
    created=st.integers(-90, 90),
    lifetime=st.integers(-5, 90),
    nonce=st.text("0123456789abcdefXYZ_-+/=", max_size=90),
    order=st.permutations(range(5)),
)
def test_the_clock_and_the_nonce_decide(
    created: int, lifetime: int, nonce: str, order: list[int]
) -> None:
    began = int(PLAIN.now.timestamp()) + created
    parameters = [
        ("created", str(began)),
        ("expires", str(began + lifetime)),
        ("nonce", f'"{nonce}"'),
        ("keyid", f'"{KEY_ID}"'),
        ("tag", '"top3-v1"'),
    ]
    alive = 0 < lifetime <= 60 and abs(created) <= 60 and created + lifetime >= 0
    core = nonce.rstrip("=")
    enough = 22 <= len(core) <= 86 and "=" not in core and len(nonce) - len(core) <= 2
    received = rightly_signed([parameters[at] for at in order], COMPONENTS)
    assert refused(received) is not (alive and enough)


def rightly_signed(parameters: list[tuple[str, str]], components: tuple[str, ...]) -> Received:
    sent = {name.decode().lower(): value.decode() for name, value in HEADERS}
    values = sent | {
        "@method": "POST",
        "@authority": sent["host"],
        "@path": PLAIN.received.path,
    }
    covered = "(" + " ".join(f'"{name}"' for name in components) + ")"
    told = covered + "".join(f";{name}={value}" for name, value in parameters)
    lines = [f'"{name}": {values[name]}' for name in components]
    base = "\n".join([*lines, f'"@signature-params": {told}']).encode("latin-1")
    mac = base64.b64encode(hmac.digest(SECRET.encode(), base, "sha256"))
    kept = [line for line in HEADERS if not line[0].startswith(b"Signature")]
    mine = [
        (b"Signature-Input", b"sig1=" + told.encode("latin-1")),
        (b"Signature", b"sig1=:" + mac + b":"),
    ]
    return replace(PLAIN.received, headers=[*kept, *mine])


def in_profile(parameters: list[tuple[str, str]]) -> bool:
    told = dict(parameters)
    return (
        len(told) == len(parameters)
        and set(told) - {"alg"} == {"created", "expires", "nonce", "keyid", "tag"}
        and (told["tag"], told["keyid"]) == ('"top3-v1"', f'"{KEY_ID}"')
        and told.get("alg", '"hmac-sha256"') == '"hmac-sha256"'
    )


@given(st.text())
def test_any_text_as_a_token_is_refused(text: str) -> None:
    with pytest.raises(UnauthorizedError):
        Token.parse(text)


@given(edited(TOKEN.text.encode()))
def test_a_token_may_not_differ_in_a_byte(changed: bytes) -> None:
    assume(changed != TOKEN.text.encode())
    with pytest.raises(UnauthorizedError):
        KEY.admit(Token.parse(changed.decode("latin-1")), PLAIN.now)


@given(st.one_of(st.text(), edited(VALUE.encode()).map(lambda value: value.decode("latin-1"))))
def test_nor_may_a_cookie(changed: str) -> None:
    assume(changed != VALUE)
    with pytest.raises(UnauthorizedError):
        COOKIE.open(changed)


def test_a_cookie_is_good_for_twelve_hours() -> None:
    ends = PLAIN.now + timedelta(hours=12)
    assert replace(COOKIE, clock=FixedClock(ends - timedelta(seconds=1))).open(VALUE) == (KEY_ID, 1)
    with pytest.raises(UnauthorizedError) as refused:
        replace(COOKIE, clock=FixedClock(ends)).open(VALUE)
    assert refused.value.reason == "cookie_expired"
