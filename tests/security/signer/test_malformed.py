"""Whoever wrote a document that is wrong is told where and why; nothing else of it is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_signer.contract import (
    LARGEST_FILE,
    Intent,
    MalformedError,
    Quote,
    document,
    text_of,
)
from betting_signer.policy import Policy
from security.signer.world import ADDRESS, FRIEND, TOKEN, intent, policy, quote

USUAL = policy().dumps()
LETTERS = "0xeD24FC36d5Ee211Ea25A80239Fb8C4Cfd80f12Ee"


def told(text: str) -> str:
    """What is told of a policy that is refused."""
    with pytest.raises(MalformedError) as raised:
        Policy.loads(text, limit=None)
    return str(raised.value)


def changed(path: str, value: object) -> str:
    """The usual policy with another value at a path of names and numbers."""
    content = json.loads(USUAL)
    *way, last = [int(step) if step.isdecimal() and step != "56" else step for step in path.split()]
    place = content
    for step in way:
        place = place[step]
    place[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("network", "main", "network: only mainnet or testnet"),
        ("version", "1", "version: not a whole number without quotes, from 0 to 2^63 - 1"),
        ("version", -1, "version: not a whole number without quotes, from 0 to 2^63 - 1"),
        ("sender", 7, "sender: not an address, which is 0x and 40 hexadecimal digits"),
        ("sender", "0x" + 40 * "0", "sender: the address that nobody has"),
        ("chains", [], "chains: not an object"),
        ("rules", {}, "rules: not a list"),
        ("rules 1", "x", "rules[1]: not an object"),
        (
            "rules 1 destinations 0",
            TOKEN.lower(),
            f"rules[1].destinations[0]: not a checksummed address (is it {TOKEN}?)",
        ),
        (
            "rules 1 destinations 0",
            "0x" + LETTERS[2:].upper(),
            f"rules[1].destinations[0]: not a checksummed address (is it {LETTERS}?)",
        ),
        (
            "sender",
            LETTERS[:-1] + "E",
            "sender: not a checksummed address (a digit or its case is wrong: copy it anew)",
        ),
        (
            "assets 1 asset",
            "USDT",
            'assets[1].asset: not an address, which is 0x and 40 hexadecimal digits, nor "native"',
        ),
        (
            "assets 0 per_day",
            10,
            'assets[0].per_day: not a whole number as text, such as "1000"',
        ),
        ("assets 0 per_day", str(2**256), "assets[0].per_day: more than 256 bits"),
        ("assets 1 worth units", "0", "assets[1].worth.units: nothing"),
        ("chains 56 max_fee", "1", 'chains["56"]: unknown field "max_fee"'),
        (
            "rules 0 requesters 0",
            "",
            "rules[0].requesters[0]: not a name: at most 64 letters, digits or _ . : -,"
            " the first a letter or digit",
        ),
        ("cool_off most", 0, "cool_off.most: not from 1 to 1000"),
        ("velocity seconds", 604801, "velocity.seconds: not from 1 to 604800, a week"),
    ],
)
def test_the_place_and_what_is_wrong_there(path: str, value: object, wanted: str) -> None:
    assert told(changed(path, value)) == wanted


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("assets 1 per_day", "1", "assets[1].per_day: less than per_transaction"),
        ("assets 0 per_week", "1", "assets[0].per_week: less than per_day"),
        (
            "assets 0 gas_limit",
            20_999,
            "assets[0].gas_limit: below 21000, which every transaction needs",
        ),
        (
            "assets 0 fee_share_bps",
            10_001,
            "assets[0].fee_share_bps: above 10000, which is all of it",
        ),
        (
            "assets 0 worth wei",
            "2",
            "assets[0].worth: not 1 wei for 1 unit, which the chain's coin is",
        ),
        ("assets 1 chain_id", 97, "assets[1].chain_id: not in chains"),
        ("assets 1 asset", FRIEND, "rules[1].asset: not in assets with this chain_id"),
        (
            "chains 56 max_priority_fee_per_gas",
            str(10**11),
            'chains["56"].max_priority_fee_per_gas: above max_fee_per_gas',
        ),
        ("network", "testnet", 'chains["56"]: no chain of the testnet'),
        (
            "approvers",
            [],
            "approvers: empty: assets[0] has amounts above approval_above, which need one",
        ),
        (
            "approvers",
            ["api"],
            "rules[0].requesters[0]: the only approver, too: whoever asks cannot approve",
        ),
        ("rules 0 destinations", [], "rules[0].destinations: empty: the rule would allow nothing"),
        ("rules 1 requesters", [], "rules[1].requesters: empty: the rule would allow nothing"),
        (
            "rules 1 destinations",
            [FRIEND, TOKEN],
            "rules[1].destinations[1]: the wallet or the token itself",
        ),
        (
            "rules 0 destinations",
            [ADDRESS],
            "rules[0].destinations[0]: the wallet or the token itself",
        ),
        ("rules 1 id", "coins-to-friend", "rules[1].id: the id of another rule, too"),
        ("gap_rule", "coins-to-friend", "gap_rule: the id of a rule, too"),
        ("replacements", 4, "replacements: more than 3"),
    ],
)
def test_what_makes_no_sense_is_refused(path: str, value: object, wanted: str) -> None:
    assert told(changed(path, value)) == wanted


def test_an_asset_twice() -> None:
    content = json.loads(USUAL)
    content["assets"].append(content["assets"][1])
    assert told(json.dumps(content)) == "assets[2].asset: there twice on this chain"


@pytest.mark.parametrize(
    "edge",
    [
        {"rules": []},  # a stop
        {"rules": [], "assets": [], "chains": {}, "approvers": []},
    ],
)
def test_a_policy_may_allow_nothing(edge: dict[str, Any]) -> None:
    assert policy(**edge).rules == ()


def test_what_just_makes_sense_is_read() -> None:
    content = json.loads(USUAL)
    content["approvers"] = []
    for asset in content["assets"]:
        asset.update(per_transaction="5", per_day="5", per_week="5", approval_above="5")
        asset.update(gas_limit=21_000, fee_share_bps=10_000)
    content["chains"]["56"]["max_priority_fee_per_gas"] = str(10**10)
    assert Policy.parse(content).content() == content


def objects(content: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a policy, with the path that is told of it."""
    if isinstance(content, dict):
        yield path, content
        for name, value in content.items():
            step = f'["{name}"]' if path == "chains" else f".{name}" if path else name
            yield from objects(value, path + step)
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from objects(value, f"{path}[{number}]")


NAMES = [
    (number, path, name)
    for number, (path, found) in enumerate(objects(json.loads(USUAL)))
    for name in found
    if path != "chains"
]


@pytest.mark.parametrize(("number", "path", "name"), NAMES)
def test_every_field_that_is_missing_or_unknown_is_named(number: int, path: str, name: str) -> None:
    content = json.loads(USUAL)
    _, found = list(objects(content))[number]
    value = found.pop(name)
    assert told(json.dumps(content)) == f"{path}.{name}: missing".lstrip(".")
    found[name + "x"] = value
    place = f"{path}: " if path else ""
    assert told(json.dumps(content)) == f'{place}unknown field "{name}x"'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "line 1, column 1: not JSON"),
        ('{\n "a": 1,\n}', "line 3, column 1: not JSON"),
        ('{"a": 1}\n{', "line 2, column 1: not JSON"),
        ("[]", "not an object"),
        ('{"a": 1, "b": {"per_day": 1, "per_day": 1}}', 'the field "per_day" is there twice'),
        ('{"a": [1.50]}', 'the number "1.50" is not whole'),
        ('{"a": -Infinity}', 'the number "-Infinity" is not whole'),
        ('{"a": ' + 5000 * "7" + "}", "a number that is too long, or nested too deeply"),
        (100_000 * "[", "a number that is too long, or nested too deeply"),
    ],
)
def test_a_text_that_is_no_document(text: str, wanted: str) -> None:
    with pytest.raises(MalformedError) as raised:
        document(text, None)
    assert str(raised.value) == wanted


def test_a_text_that_is_too_long_or_none() -> None:
    for text, wanted in (("{}" + 9 * " ", "longer than 10 characters"), (None, "not text")):
        with pytest.raises(MalformedError, match=f"^{wanted}$"):
            document(text, 10)


SECRET = "c0ffee-" * 9
wild = st.text(max_size=90) | st.sampled_from(
    ["\x1b[2J", "\x7f", "a\nb", "\ud800", "é" * 90, SECRET]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("a"), inner),
    max_leaves=5,
)


@given(
    of=st.sampled_from([Intent, Quote, Policy]),
    extra=st.dictionaries(wild, values, max_size=2),
    place=st.integers(0, 11),
    value=values,
)
def test_no_sender_writes_into_a_log(of: Any, extra: Any, place: int, value: object) -> None:
    usual = {Intent: intent().content(), Quote: quote(intent()).content()}
    content = json.loads(json.dumps(usual.get(of, json.loads(USUAL))))
    name = list(content)[place % len(content)]
    chains = {"chains": content["chains"] | extra} if of is Policy else extra
    for wrong in (content | extra, content | chains, content | {name: value}):
        try:
            of.loads(json.dumps(wrong))
        except MalformedError as error:
            line = str(error)
            assert line.isascii()
            assert line.isprintable()
            assert len(line) < 200
            assert SECRET not in line


@pytest.mark.parametrize("name", ["\x1b[2J", "\x7f", "a\nb", "\ud800", 900 * "é", 50 * '"'])
def test_a_name_of_others_is_escaped_and_bounded(name: str) -> None:
    for text in (json.dumps({name: 1}), json.dumps({"chains": {name: 1}})):
        line = told(text if "chains" in text else changed("a", 1).replace('"a"', json.dumps(name)))
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 80


def test_a_number_of_others_is_bounded() -> None:
    assert len(told('{"a": 1.' + 1000 * "1" + "}")) < 80


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(USUAL + "é")
    assert text_of(file) == USUAL + "é"
    file.write_bytes(LARGEST_FILE * b" ")
    assert len(text_of(file)) == LARGEST_FILE
    file.write_bytes((LARGEST_FILE + 1) * b" ")
    refused(file, "longer than 1048576 bytes")
    file.write_bytes(b"\xff")
    refused(file, "not UTF-8 text")


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (Path("/dev/zero"), tmp_path / "link", pipe, tmp_path):
        refused(path, "not a regular file")
    with pytest.raises(FileNotFoundError):
        text_of(tmp_path / "nothing")


def refused(path: Path, wanted: str) -> None:
    with pytest.raises(MalformedError, match=f"^{wanted}$"):
        text_of(path)
