"""Every guarantee has a named test."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent

GUARANTEES = {
    1: "key material never leaves",
    2: "only this function's role reads the secret",
    3: "no network but the endpoints",
    4: "not reachable but by the stream of quotes",
    5: "off by default",
    6: "default deny",
    7: "destinations are listed and checksummed",
    8: "only plain transfers",
    9: "one operation",
    10: "chains are listed and bound",
    11: "amounts are capped, in whole numbers",
    12: "rolling caps never count too little",
    13: "fees are capped",
    14: "velocity and cool-off",
    15: "a nonce belongs to one intent",
    16: "the nonce floor only rises",
    17: "durable before the signature exists",
    18: "the audit is a chain with copies",
    19: "the policy is attested",
    20: "intents are stamped and live for a time",
    21: "a second person approves",
    22: "signatures are checked",
    23: "the key is the wallet's",
    24: "refusals tell nothing",
    25: "dependencies are few and locked",
    26: "rotation and break-glass are rehearsed",
}


def test_every_guarantee_has_a_file_of_tests_of_its_own() -> None:
    for number in GUARANTEES:
        [path] = HERE.glob(f"test_s{number:02d}_*.py")
        text = path.read_text()
        assert text.startswith(f'"""S{number}: ')
        assert re.search(r"^def test_", text, re.MULTILINE)


def test_there_are_no_others() -> None:
    found = {int(path.name[6:8]) for path in HERE.glob("test_s[0-9][0-9]_*.py")}
    assert found <= set(GUARANTEES)
