"""`wallet` as it is typed, on a real chain and a real database, with the signer beside it."""

from __future__ import annotations

import io
import json
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pg8000.exceptions import DatabaseError

from betting_ai.cli.main import main
from betting_ai.errors import StorageUnavailableError
from betting_signer.contract import Intent
from betting_signer.copies import FolderCopies
from betting_signer.custody import KeystoreCustody, address_of
from chain.evm import COIN, Chain, evm
from security.signer.world import ADDRESS, KEY, SECRET, connection
from security.wallet.flow import Flow, on_postgres, payee, policy

Type = Callable[..., tuple[int, str, str]]
PASSWORD = "correct horse battery"  # noqa: S105 - of tests


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A test network."""
    with evm(97) as one:
        yield one


@pytest.fixture
def flow(empty_url: str, chain: Chain, tmp_path: Path) -> Iterator[Flow]:
    """A wallet on a server of one's own."""
    made = on_postgres(empty_url, chain, tmp_path)
    yield made
    made.close()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path, empty_url: str) -> Type:
    """Types a command, in this process, where no wallet is configured."""
    monkeypatch.setenv("BETTING_AI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", empty_url)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["betting-ai", "wallet", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = main()
        out, err = capsys.readouterr()
        assert KEY.removeprefix("0x") not in out + err
        assert SECRET not in out + err
        assert all(len(line) <= 100 for line in out.splitlines() if line[:1] not in "{[")
        return code, out, err

    return run


@pytest.fixture
def typed(
    bare: Type, flow: Flow, chain: Chain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Type:
    """The same with a wallet."""
    requesters = tmp_path / "requesters"
    requesters.write_text(json.dumps({"api": [SECRET]}))
    requesters.chmod(0o600)
    monkeypatch.setenv("BETTING_AI_WALLET_ADDRESS", ADDRESS)
    monkeypatch.setenv("BETTING_AI_WALLET_ASSETS", "BNB")
    monkeypatch.setenv("BETTING_AI_RPC_URLS", chain.url)
    monkeypatch.setenv("BETTING_AI_REQUESTERS_FILE", str(requesters))
    return bare


def told(run: Type, *words: str, **options: Any) -> Any:
    code, out, err = run(*words, "--json", **options)
    assert code == 0, err
    return json.loads(out)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_key_is_imported_once_and_only_its_address_shown(bare: Type, tmp_path: Path) -> None:
    key, password = private(tmp_path / "key", KEY), private(tmp_path / "word", PASSWORD)
    target = tmp_path / "made" / "key.json"
    words = ("init", "--keystore", str(target), "--password-file", str(password))
    assert told(bare, *words, "--key-file", str(key)) == {"address": ADDRESS}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert KeystoreCustody(target, lambda: PASSWORD)._key().hex() == KEY.removeprefix("0x")
    before = target.read_bytes()
    code, out, err = bare(*words)
    assert (code, out) == (2, "")
    assert "is there already; nothing was changed" in err
    assert target.read_bytes() == before


def test_no_key_is_made_of_what_is_none(bare: Type, tmp_path: Path) -> None:
    password = private(tmp_path / "word", PASSWORD)
    target = tmp_path / "key.json"
    words = ("init", "--keystore", str(target), "--password-file", str(password))
    open_to_all = private(tmp_path / "open", KEY)
    open_to_all.chmod(0o644)
    for file in (open_to_all, private(tmp_path / "short", KEY[:-1])):
        code, out, err = bare(*words, "--key-file", str(file))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert KEY[2:20] not in err
    assert not target.exists()


def test_a_managed_secret_needs_what_reaches_aws(
    bare: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "betting_ai.adapters.aws.clients", None)
    code, out, err = bare("init", "--secret", "arn")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "install betting-ai[aws]" in err


def test_a_managed_secret_is_put_once_and_another_only_when_told(
    bare: Type, aws: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", aws.url), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    client = aws.client("secretsmanager")
    arn = client.create_secret(Name=f"empty-{uuid4()}")["ARN"]
    words = ("init", "--secret", arn)
    first = told(bare, *words)["address"]
    value = client.get_secret_value(SecretId=arn)["SecretString"]
    assert address_of(value) == first
    code, _, err = bare(*words)
    assert code == 2
    assert "has a value already" in err
    assert client.get_secret_value(SecretId=arn)["SecretString"] == value
    second = told(bare, *words, "--rotate")["address"]
    assert second != first
    stages = {"AWSCURRENT": second, "AWSPREVIOUS": first}
    for stage, address in stages.items():
        found = client.get_secret_value(SecretId=arn, VersionStage=stage)["SecretString"]
        assert address_of(found) == address
    assert bare("init", "--keystore", str(tmp_path / "key"), "--rotate")[0] == 2


def test_tables_of_before_are_brought_up_to_date(typed: Type, flow: Flow, empty_url: str) -> None:
    admin = connection(empty_url)
    admin.run("DROP TABLE signer.refusals")
    admin.close()
    flow.wish(to=1000)
    with pytest.raises(StorageUnavailableError):
        flow.go()
    assert typed("tables")[0] == 0
    flow.go()
    assert flow.store.head(ADDRESS).audit_seq == 1


def test_a_transfer_from_the_wish_to_its_confirmation(
    typed: Type, flow: Flow, chain: Chain
) -> None:
    before = told(typed, "balance")
    assert before[0]["balance"] == "100"
    name, to = str(uuid4()), payee(1)
    words = ("send", "0.010000000000000001", "BNB", to, "--request-id", name)
    code, out, err = typed(*words, typed="nothing\n")
    assert (code, out.strip()) == (2, "")
    assert "nothing was done" in err
    assert typed("status", name)[0] == 1
    code, out, err = typed(*words, typed=to[-6:] + "\n")
    assert (code, "requested" in out) == (0, True), err
    assert "fee at most" in err
    assert told(typed, *words)["id"] == name  # asked before: not asked again
    code, _, err = typed("send", "0.02", *words[2:], "--yes")
    assert (code, "used for another" in err) == (1, True)
    flow.go()
    chain.mine(20)
    flow.carry()()
    found = told(typed, "status", name)
    assert (found["status"], found["state"], found["nonce"]) == ("confirmed", "final", 0)
    assert found["amount"] == "0.010000000000000001"
    after = told(typed, "balance")[0]["balance"]
    spent = 100 * COIN - units(after)
    assert spent == 10**16 + 1 + units(found["fee"])


def test_a_second_person_approves_exactly_one(typed: Type, flow: Flow) -> None:
    to = payee(2)
    asked = told(typed, "send", "0.9", "BNB", to, "--for-approval", "--yes")
    assert asked["status"] == "waiting"
    code, _, err = typed("approve", asked["id"], "--as", "api", "--yes")
    assert (code, "cannot approve" in err) == (2, True)
    code, out, err = typed("approve", asked["id"], "--as", "owner", typed=to[-6:] + "\n")
    assert code == 0, err
    assert "0.9 BNB" in out
    assert told(typed, "status", asked["id"])["status"] == "approved"
    assert told(typed, "approve", asked["id"], "--as", "owner", "--yes")["new"] is False
    flow.under(policy(97, approvers=["owner", "friend"]))
    code, out, err = typed("approve", asked["id"], "--as", "friend", "--yes")
    assert (code, out, "owner approved this transfer at 20" in err) == (1, "", True)
    flow.go()
    assert told(typed, "status", asked["id"])["status"] == "sent"
    for name in ("owner", "friend"):
        code, out, err = typed("approve", asked["id"], "--as", name, "--yes")
        assert (code, out, "nothing to approve any more" in err) == (3, "", True)


def test_what_no_word_can_help_is_not_approved(typed: Type, flow: Flow) -> None:
    def asked(amount: str) -> str:
        return str(told(typed, "send", amount, "bnb", payee(2), "--for-approval", "--yes")["id"])

    small, much, good = asked("0.1"), asked("1.1"), asked("0.9")
    plain = str(told(typed, "send", "0.1", "bnb", payee(2), "--yes")["id"])
    code, _, err = typed("approve", plain, "--as", "owner", "--yes")
    # It is on its way: whoever were told to ask again would pay twice.
    assert (code, "needs no approval" in err, "again" in err) == (2, True, False)
    for name, approver, why in (
        (small, "owner", "without --for-approval"),
        (much, "owner", "moves at most 1 BNB at once"),
        (good, "somebody", "no approver 'somebody'; it has owner"),
    ):
        code, out, err = typed("approve", name, "--as", approver, "--yes")
        assert (code, err.count("\n"), "Approved" in out) == (2, 1, False)
        assert why in err
        text, _ = flow.store.intent(name) or ("", "")
        assert flow.store.approval(Intent.loads(text).request_hash) is None
    flow.desk.set_policy(policy(97, approvers=["stranger"]).dumps())  # proposed, and not approved
    code, _, err = typed("approve", good, "--as", "stranger", "--yes")
    assert (code, "no policy is approved" in err) == (2, True)
    flow.under(policy(97))
    assert told(typed, "approve", good, "--as", "owner", "--yes")["new"] is True
    flow.go()
    assert told(typed, "status", good)["status"] == "sent"
    code, out, _ = typed("status", small)
    assert (code, "lifetime_too_long" in out, "ask again without" in out) == (0, True, True)


def test_what_is_typed_unseen_needs_a_terminal(bare: Type, tmp_path: Path) -> None:
    open_to_all = tmp_path / "word"
    open_to_all.write_text(PASSWORD)
    open_to_all.chmod(0o644)
    words = ("init", "--keystore", str(tmp_path / "key"))
    for more, why in (
        ((), "--password-file"),
        (("--import",), "--key-file"),
        (("--password-file", str(open_to_all)), "others may read it"),
    ):
        code, out, err = bare(*words, *more, typed=f"{PASSWORD}\n{PASSWORD}\n")
        assert (code, out, err.count("\n"), why in err) == (2, "", 1, True)
    assert not (tmp_path / "key").exists()


def test_what_is_asked_by_hand_needs_a_hand(typed: Type) -> None:
    code, out, err = typed("send", "0.1", "BNB", payee(1), "--json", typed="")
    assert (code, out.strip()) == (2, "")
    assert "in a terminal" in err


def test_why_it_was_refused_is_told(typed: Type, flow: Flow) -> None:
    asked = told(typed, "send", "0.1", "BNB", payee(1000), "--yes")
    assert asked["reason"] is None
    flow.go()
    found = told(typed, "status", asked["id"])
    assert (found["status"], found["reason"]) == ("requested", "destination_not_allowed")
    code, out, _ = typed("status", asked["id"])
    assert (code, "destination_not_allowed" in out) == (0, True)


def test_the_policy_is_approved_by_its_hash_and_switched(
    typed: Type, flow: Flow, tmp_path: Path
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(policy(97, payees=3).dumps())
    found = told(typed, "policy", "hash", str(file))["policy_hash"]
    code, _, err = typed("policy", "approve", str(file), "--hash", "0" * 64)
    assert (code, found in err) == (2, True)
    told(typed, "policy", "approve", str(file), "--hash", found)
    shown = told(typed, "policy", "show")
    assert (shown["policy_hash"], shown["approved"], shown["enabled"]) == (found, True, False)
    told(typed, "enable", "--days", "2")
    assert told(typed, "policy", "show")["enabled"] is True
    told(typed, "disable")
    assert typed("disable")[0] == 3
    flow.desk.set_policy(policy(97, payees=9).dumps())
    code, _, err = typed("enable")
    assert (code, "was not approved" in err) == (2, True)


def test_a_policy_is_proposed_by_one_and_approved_by_another(
    typed: Type, flow: Flow, tmp_path: Path
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(policy(97, payees=3).dumps())
    found = told(typed, "policy", "propose", str(file))["policy_hash"]
    shown = told(typed, "policy", "show")
    assert (shown["policy_hash"], shown["approved"], shown["enabled"]) == (found, False, False)
    flow.wish(1, COIN // 100)
    flow.go()
    assert flow.store.head(ADDRESS).nonces == {}, "what was approved is not what is kept"
    code, out, err = typed("policy", "approve", "--hash", "0" * 64)
    assert (code, out, found in err) == (2, "", True)
    code, out, _ = typed("policy", "approve", "--hash", found)
    assert code == 0
    assert payee(2) in out, "it shows what it approves"
    told(typed, "enable")
    flow.wish(1, COIN // 100)
    flow.go()
    assert flow.store.head(ADDRESS).nonces == {97: 1}
    other = file.read_text().replace(ADDRESS, payee(60))
    file.write_text(other)
    for words in (
        ("propose",),
        ("approve", "--hash", told(typed, "policy", "hash", str(file))["policy_hash"]),
    ):
        code, out, err = typed("policy", *words, str(file))
        assert (code, out, "another wallet" in err) == (2, "", True)
    assert told(typed, "policy", "show")["policy_hash"] == found


def test_a_policy_that_is_none_is_one_line(typed: Type, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(policy(97).dumps().replace('"per_day"', '"a_day"'))
    for name, why in (
        (file, "assets[0]"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path / "none", "no readable policy"),
    ):
        code, out, err = typed("policy", "hash", str(name))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert why in err


def test_one_changed_byte_of_the_audit_is_found(
    typed: Type, flow: Flow, empty_url: str, tmp_path: Path
) -> None:
    for number in range(3):
        flow.wish(number, COIN // 1000)
        flow.go()
    copies = ("--copies", str(tmp_path / "copies"))
    whole = told(typed, "audit", "verify", *copies)
    assert whole["entries"] == 3
    admin = connection(empty_url)
    admin.run("ALTER TABLE signer.audit DISABLE TRIGGER audit_stays")
    admin.run(
        "UPDATE signer.audit SET line = replace(line, chr(34) || 'seq' || chr(34) || ':2',"
        " chr(34) || 'seq' || chr(34) || ':3') WHERE seq = 2"
    )
    admin.close()
    code, out, err = typed("audit", "verify", *copies)
    assert (code, out) == (1, "")
    assert "entry 2 of the audit" in err


def test_an_audit_that_was_cut_off_is_found(
    typed: Type, flow: Flow, empty_url: str, tmp_path: Path
) -> None:
    admin = connection(empty_url)
    flow.wish(0, COIN // 1000)
    flow.go()
    [[before]] = admin.run("SELECT body FROM signer.heads")
    flow.wish(1, COIN // 1000)
    flow.go()
    copies = ("--copies", str(tmp_path / "copies"))
    assert told(typed, "audit", "verify", *copies)["entries"] == 2
    # Whoever may write the whole database puts the head back to where it was.
    admin.run("UPDATE signer.heads SET body = :body", body=before)
    code, _, err = typed("audit", "verify")
    assert (code, "entry 2 of the audit" in err, "beyond the last" in err) == (1, True, True)
    # And takes away what came after; copies are out of reach.
    admin.run("ALTER TABLE signer.audit DISABLE TRIGGER audit_stays")
    admin.run("DELETE FROM signer.audit WHERE seq = 2")
    admin.close()
    code, _, err = typed("audit", "verify", *copies)
    assert (code, "copy 2 of the audit" in err, "no entry has it" in err) == (1, True, True)


def test_the_audit_is_verified_by_a_role_that_only_reads(
    typed: Type, flow: Flow, empty_url: str
) -> None:
    flow.wish()
    flow.go()
    admin = connection(empty_url)
    admin.run("REVOKE SELECT ON signer.audit, signer.heads FROM betting_signer")
    admin.close()
    assert told(typed, "audit", "verify")["entries"] == 1
    reader = connection(empty_url, "betting_auditor")
    for table in ("policy", "control", "intents", "quotes", "approvals", "signed", "transfers"):
        with pytest.raises(DatabaseError, match="permission denied"):
            reader.run(f"SELECT * FROM signer.{table}")
    reader.close()


def test_an_entry_that_is_not_there_is_missing(typed: Type, flow: Flow, empty_url: str) -> None:
    for number in range(2):
        flow.wish(number, COIN // 1000)
        flow.go()
    admin = connection(empty_url)
    admin.run("ALTER TABLE signer.audit DISABLE TRIGGER audit_stays")
    admin.run("DELETE FROM signer.audit WHERE seq = 2")
    admin.close()
    code, _, err = typed("audit", "verify")
    assert code == 1
    assert re.search("entry 2 of the audit of .* is missing", err)


def test_a_copy_that_is_lost_changed_or_too_many_is_told_apart(
    typed: Type, flow: Flow, tmp_path: Path
) -> None:
    flow.wish()
    flow.go()
    copies = ("--copies", str(tmp_path / "copies"))
    folder = tmp_path / "copies" / "audit" / ADDRESS
    (copy,) = folder.iterdir()
    (folder / "tmpleft").write_bytes(b"of a signer that ended while it wrote")
    assert told(typed, "audit", "verify", *copies)["copies"] is True
    more = folder / copy.name.replace("1.json", "7.json")
    more.write_bytes(copy.read_bytes())
    code, _, err = typed("audit", "verify", *copies)
    assert code == 1
    assert re.search("copy 7 of the audit of .* is there, and no entry has it", err)
    more.unlink()
    copy.write_bytes(copy.read_bytes() + b" ")
    code, _, err = typed("audit", "verify", *copies)
    assert code == 1
    assert re.search("copy 1 of the audit of .* is not what was written", err)
    copy.unlink()
    code, _, err = typed("audit", "verify", *copies)
    assert code == 1
    assert re.search("copy 1 of the audit of .* is missing", err)
    assert isinstance(flow.copies, FolderCopies)


def test_real_money_is_confirmed_by_hand(
    typed: Type, flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = told(typed, "send", "0.9", "BNB", payee(2), "--for-approval", "--yes")
    monkeypatch.setenv("BETTING_AI_WALLET_NETWORK", "mainnet")
    name = str(uuid4())
    for words in (
        ("send", "0.1", "BNB", payee(1), "--yes", "--request-id", name),
        ("approve", asked["id"], "--as", "owner", "--yes"),
    ):
        code, out, err = typed(*words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "--yes is for test networks" in err
    assert flow.desk.intent(name) is None
    monkeypatch.setenv("BETTING_AI_WALLET_NETWORK", "testnet")
    assert told(typed, "status", asked["id"])["status"] == "waiting"


def test_a_lock_is_released_by_who_approves_policies(typed: Type, flow: Flow) -> None:
    flow.under(policy(97, cool_off={"most": 2, "seconds": 3600}))
    for number in range(2):
        flow.wish(1000 + number)
        flow.go()
    asked = told(typed, "send", "0.1", "BNB", payee(1), "--yes")
    flow.go()
    assert told(typed, "status", asked["id"])["reason"] == "locked"
    assert told(typed, "policy", "show")["locked"] is True
    code, out, err = typed("enable", "--days", "1")
    assert (code, out, "--release" in err) == (2, "", True)
    first = told(typed, "send", "0.1", "BNB", payee(1), "--yes")
    flow.go()
    assert told(typed, "status", first["id"])["reason"] == "locked"
    told(typed, "enable", "--days", "1", "--release")
    assert told(typed, "policy", "show")["locked"] is False
    second = told(typed, "send", "0.1", "BNB", payee(1), "--yes")
    flow.go()
    assert told(typed, "status", second["id"])["status"] == "sent"
    # What was asked for during the lock is not asked again, which would lock it again.
    assert told(typed, "policy", "show")["locked"] is False
    assert told(typed, "status", first["id"])["reason"] == "locked"
    shown = told(typed, "audit", "show", "--last", "4")
    assert [one["code"] for one in shown][-1] == "allowed"
    code, out, _ = typed("audit", "show")
    assert (code, "destination_not_allowed" in out, "locked" in out) == (0, True, True)


def test_a_token_that_is_not_on_the_chain_is_named_beside_what_is(
    typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BETTING_AI_WALLET_ASSETS")
    found = {one["token"]: one["balance"] for one in told(typed, "balance")}
    assert found["BNB"] == "100"
    assert found["USDT"] is None
    code, out, err = typed("balance")
    assert (code, err) == (0, "")
    assert "no contract on this chain" in out
    code, out, err = typed("send", "1", "USDT", payee(1))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no contract" in err


def test_bad_input_is_one_line(typed: Type) -> None:
    good = payee(1)
    wrong = ADDRESS[:2] + ADDRESS[2:].swapcase()
    for words, why in (
        (("send", "1e3", "BNB", good), "decimal such as"),
        (("send", "0", "BNB", good), "more than nothing"),
        (("send", "1", "CAKE", good), "no asset"),
        (("send", "1", "BNB", wrong), "checksum"),
        (("send", "1", "BNB", "0x" + 40 * "0"), "nobody has"),
        (("send", "1", "BNB", ADDRESS), "own address"),
        (("status", "one"), "no UUID"),
    ):
        code, out, err = typed(*words)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert why in err


def test_without_a_wallet_it_says_so(bare: Type) -> None:
    for words in (("balance",), ("send", "1", "BNB", payee(1)), ("status", str(uuid4()))):
        code, _, err = bare(*words)
        assert code == 1
        assert "there is no wallet" in err


def units(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole + part.ljust(18, "0"))
