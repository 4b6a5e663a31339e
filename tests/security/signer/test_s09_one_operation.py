"""S9: raw messages, personal messages and typed data cannot be signed."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import betting_signer
from betting_signer.contract import Code, Intent, MalformedError
from betting_signer.custody import Keyless, KeystoreCustody, SecretsManagerCustody
from betting_signer.service import Signer
from security.signer.world import World, code, intent, quote

PACKAGE = Path(betting_signer.__file__).parent


@pytest.mark.parametrize(
    "operation",
    ["sign", "personal_sign", "eth_sign", "signTypedData", "Transfer", "transfer ", "", None, 1],
)
def test_there_is_one_operation(operation: object) -> None:
    assert Intent.parse(intent().content()).operation == "transfer"
    with pytest.raises(MalformedError, match=r"^operation: only transfer$"):
        Intent.parse(intent().content() | {"operation": operation})


def test_no_other_word_is_known() -> None:
    words = inspect.getclosurevars(Intent._kinds["operation"].read).nonlocals["words"]
    assert words == ("transfer",)


@pytest.mark.parametrize("extra", ["message", "data", "typed_data", "raw", "nonce", "gas", "v"])
def test_an_intent_says_nothing_more(extra: str) -> None:
    with pytest.raises(MalformedError):
        Intent.parse(intent().content() | {extra: "0x00"})


def test_an_unknown_operation_that_was_put_is_refused(world: World) -> None:
    wish = intent()
    text = wish.dumps().replace('"transfer"', '"personal_sign"')
    if world.name == "dynamo":
        row = {"id": {"S": wish.intent_id}, "body": {"S": text}, "stamp": {"S": "x"}}
        world.store.client.put_item(TableName=world.store.tables.intents, Item=row)
    else:
        world.desk._rows(
            "INSERT INTO signer.intents VALUES (:id, :body, 'x') RETURNING 1",
            id=wish.intent_id, body=text,
        )  # fmt: skip
    assert code(world.signer().sign(quote(wish).dumps())) is Code.UNREADABLE


def test_the_package_asks_for_nothing_but_signed_transactions() -> None:
    """A digest is signed in one place, and is that of a transaction's fields."""
    found = [
        (path.name, ast.unparse(node))
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and "sign_msg" in ast.unparse(node.func)
    ]
    signs = "private.sign_msg_hash(keccak256(_unsigned(transaction)))"
    assert found == [("signing.py", signs)]
    named = {
        node.attr
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and "sign" in node.attr and "_sign" not in node.attr
    }
    assert {name for name in named if "message" in name or "typed" in name or "hash" in name} == {
        "sign_msg_hash"
    }
    text = "".join(path.read_text() for path in PACKAGE.glob("*.py"))
    for word in (
        "sign_message",
        "sign_typed",
        "unsafe_sign",
        "sign_hash",
        "sign_msg(",
        "sign_msg_non_recoverable",
        "signHash",
        "encode_def",
    ):
        assert word not in text


def test_the_doors_are_these() -> None:
    assert [
        name
        for name in vars(Signer)
        if not name.startswith("_") and callable(getattr(Signer, name))
    ] == ["clock", "report", "wait", "sign", "gaps"]
    for custody, more in (
        (Keyless, []),
        (SecretsManagerCustody, []),
        (KeystoreCustody, ["address"]),  # of its key, which is no secret
    ):
        doors = [n for n in vars(custody) if not n.startswith("_") and callable(vars(custody)[n])]
        assert doors == ["sign", *more]
