"""``wallet``: a key, what it holds, transfers, and who may allow them."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID, uuid4

import typer

from betting_ai.cli.context import Json, Voice, current_settings
from betting_ai.cli.wallet_follow import follow
from betting_ai.errors import (
    DomainError,
    ExtraMissingError,
    InvalidInputError,
    NotFoundError,
    NothingToDoError,
    SecretError,
)

if TYPE_CHECKING:
    from betting_ai.bootstrap import App
    from betting_ai.domain.chains import Asset
    from betting_ai.domain.transfers import TransferQuote, WantedTransfer
    from betting_ai.ports.chain import Balances
    from betting_ai.usecases.request_transfer import TransferTold
    from betting_signer.policy import Policy
    from betting_signer.state import Control

app = typer.Typer(help="A wallet: balances, and transfers that are guarded.", no_args_is_help=True)
policy_app = typer.Typer(help="The rules that the signer goes by.", no_args_is_help=True)
audit_app = typer.Typer(help="The signer's record of every decision.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")
app.add_typer(audit_app, name="audit")
app.command()(follow)

_TYPED: Final = 6
_NOT_HERE: Final = "it has no contract on this chain"
_LONGEST: Final = timedelta(days=366)

_Id = Annotated[str, typer.Argument(help="Of the transfer; `wallet send` told it.")]
_File = Annotated[Path, typer.Argument(help="The policy, a JSON document.", show_default=False)]


class AuditBrokenError(DomainError):
    """The signer's record is not what was written."""

    code = "audit_broken"


@app.command()
def init(
    keystore: Annotated[
        Path | None, typer.Option("--keystore", help="Where the encrypted key is put.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option("--secret", help="On AWS: the empty managed secret it is put into."),
    ] = None,
    rotate: Annotated[
        bool,
        typer.Option("--rotate", help="With --secret: a new key beside the old, which stays."),
    ] = False,
    import_key: Annotated[
        bool, typer.Option("--import", help="Ask for a key that exists; made new without.")
    ] = False,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="Import the key of this private file.")
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", help="Private file of its password; asked for without."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make or import the key; its address is all that is shown. Nothing is ever overwritten."""
    if (keystore is None) == (secret is None):
        raise InvalidInputError("name either --keystore FILE or --secret NAME")
    if rotate and secret is None:
        raise InvalidInputError("--rotate is for --secret: another keystore is another file")
    try:
        from betting_signer import custody
        from betting_signer.signing import CustodyError
    except ModuleNotFoundError:
        raise ExtraMissingError("a key needs more libraries; install betting-ai[chain]") from None
    address, problem = "", ""
    try:
        if keystore is not None and keystore.exists():
            problem = f"{keystore} is there already; nothing was changed"
        elif secret is not None and _held(secret) and not rotate:
            problem = f"the secret {secret} has a value already; nothing was changed"
        else:
            key = _key(import_key, key_file)
            address = custody.address_of(key)
            if keystore is not None:
                password = _password(password_file)
                _make_schema()
                _keep(keystore, custody.keystore(key, password))
            else:
                _put_secret(str(secret), key)
            key = ""  # of a frame that an error shows
    except CustodyError:
        problem = "this is no key, or its file may be read by others (64 hexadecimal digits, 0600)"
    if problem:
        raise InvalidInputError(problem)
    if as_json:
        typer.echo(json.dumps({"address": address}))
    else:
        typer.echo(f"The wallet's address: {address}")


@app.command()
def tables() -> None:
    """Make the signer's tables and roles in this database, or bring older ones up to date."""
    try:
        _make_schema()
    except ModuleNotFoundError:
        raise ExtraMissingError(
            "the tables need more libraries; install betting-ai[chain]"
        ) from None
    typer.echo("The signer's tables and roles are there.")


@app.command()
def balance(as_json: Json = False) -> None:
    """What the wallet holds now of everything that is configured, all at one block."""
    from betting_ai.bootstrap import build
    from betting_ai.usecases.carry_transfers import holdings

    with build(current_settings()) as opened:
        wallet, nodes = opened.wallet, opened.chain_nodes
        rows = [
            (address, holdings(nodes, address, wallet.assets)[0])
            for address in (wallet.address, *wallet.watched)
        ]
        chain = nodes.chain

    def amount(asset: Asset, found: Balances) -> str | None:
        return asset.text(found.units[asset.symbol]) if asset.symbol in found.units else None

    told = [
        {
            "address": address,
            "chain_id": chain.id,
            "token": asset.symbol,
            "balance": amount(asset, found),
            "as_of": f"{found.block.at:%Y-%m-%dT%H:%M:%SZ}",
            "block": found.block.number,
        }
        for address, found in rows
        for asset in wallet.assets
    ]
    if as_json:
        typer.echo(json.dumps(told))
        return
    for address, found in rows:
        typer.echo(f"{address} on {chain.name}")
        _table(
            ("token", "balance"),
            [(one.symbol, amount(one, found) or _NOT_HERE) for one in wallet.assets],
        )
        typer.echo(f"As of block {found.block.number}, {found.block.at:%Y-%m-%d %H:%M:%S} UTC.")


@app.command()
def send(
    amount: Annotated[str, typer.Argument(help="Such as 12.5.")],
    token: Annotated[str, typer.Argument(help="Such as BNB or USDT.")],
    to: Annotated[str, typer.Argument(help="The payee's address.")],
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="A UUID; the same one is one transfer.")
    ] = None,
    for_approval: Annotated[
        bool,
        typer.Option("--for-approval", help="Wait a day for another person's `wallet approve`."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; on a test network only.")] = False,
    as_json: Json = False,
) -> None:
    """Ask for a transfer, after showing what it comes to; the signer decides."""
    from betting_ai.bootstrap import build
    from betting_ai.usecases.request_transfer import RequestTransferCommand

    name = uuid4() if request_id is None else _uuid(request_id, "--request-id")
    command = RequestTransferCommand(name, token, to, amount, for_approval)
    with build(current_settings()) as opened:
        if yes and not opened.wallet_chain.testnet:
            raise InvalidInputError("--yes is for test networks; real money is confirmed by hand")
        request = opened.request_transfer
        asset, wanted = request.meant(command)
        known = _known(opened, str(name))
        if known is None:
            quote = _quoted(opened, wanted, asset)
            _show_meant(opened, wanted, asset, quote)
            if not yes:
                _confirm(wanted.to)
        kept = request(command)
        told = opened.read_transfer(kept.id)
    if known is not None:
        Voice(as_json=as_json).note("this transfer was asked for before; nothing new was asked")
    _show(told, as_json)


@app.command()
def status(transfer_id: _Id, as_json: Json = False) -> None:
    """What became of a transfer."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        told = opened.read_transfer(str(_uuid(transfer_id, "the id")))
    _show(told, as_json)


@app.command()
def approve(
    transfer_id: _Id,
    approver: Annotated[
        str, typer.Option("--as", help="Your name, as the policy has it; not the requester's.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; on a test network only.")] = False,
    as_json: Json = False,
) -> None:
    """Give a second person's word for exactly one transfer, under your own credentials."""
    from betting_ai.bootstrap import build
    from betting_ai.domain.chains import CHAINS
    from betting_signer.contract import Approval, Intent, MalformedError

    with build(current_settings()) as opened:
        if yes and not opened.wallet_chain.testnet:
            raise InvalidInputError("--yes is for test networks; real money is approved by hand")
        rows = opened.wallet_rows("betting_approver")
        found = rows.intent(str(_uuid(transfer_id, "the id")))
        if found is None:
            raise NotFoundError("nothing of this id was asked for")
        at = opened.clock.now().replace(microsecond=0)
        try:
            intent = Intent.loads(found[0])
            given = Approval(intent.request_hash, approver, at)
            Approval.loads(given.dumps())  # a name that the signer would not read
        except MalformedError as error:
            raise InvalidInputError(f"this cannot be approved: {error}") from None
        if approver == intent.requester:
            raise InvalidInputError("whoever asked for a transfer cannot approve it")
        if intent.expires_at <= at:
            raise InvalidInputError("this transfer has expired; it has to be asked for again")
        asset = _asset_of(opened, intent.asset)
        chain = next(one for one in CHAINS if one.id == intent.chain_id)
        if not as_json:
            _table(
                ("what you approve", ""),
                [
                    ("pays", f"{asset.text(intent.amount)} {asset.symbol}"),
                    ("to", intent.to),
                    ("from", intent.sender),
                    ("on", f"{chain.name} ({chain.id})"),
                    ("asked for by", intent.requester),
                    ("until", f"{intent.expires_at:%Y-%m-%d %H:%M:%S} UTC"),
                    ("request hash", intent.request_hash),
                ],
            )
        if not yes:
            _confirm(intent.to)
        new = rows.put_approval(given)
    if not new:
        Voice(as_json=as_json).note("this transfer was approved before")
    if as_json:
        told = {"id": intent.intent_id, "request_hash": intent.request_hash, "new": new}
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"Approved: {intent.request_hash}")


@policy_app.command()
def show(as_json: Json = False) -> None:
    """The policy as it is kept, and whether it is the one that was approved."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        rows = opened.wallet_rows("betting_policy")
        text = rows.policy()
        control = _control(rows)
        if text is None:
            raise NothingToDoError("there is no policy; `wallet policy approve FILE` puts one")
        policy = _policy_in(text)
        at = opened.clock.now()
    told = _switch(policy, control, at)
    if as_json:
        typer.echo(json.dumps({**told, "policy": policy.content()}))
        return
    typer.echo(json.dumps(policy.content(), indent=2))
    _table(("", ""), [(name.replace("_", " "), str(value)) for name, value in told.items()])


@policy_app.command(name="hash")
def hash_of(file: _File, as_json: Json = False) -> None:
    """What would be approved: SHA-256 of the whole content."""
    found = _policy_of(file).policy_hash
    typer.echo(json.dumps({"policy_hash": found}) if as_json else found)


@policy_app.command(name="approve")
def approve_policy(
    file: _File,
    expected: Annotated[
        str, typer.Option("--hash", help="The hash you have checked; `wallet policy hash` tells.")
    ],
    as_json: Json = False,
) -> None:
    """Put a policy, and say that it is the right one. Signing is off until `wallet enable`."""
    from betting_ai.bootstrap import build
    from betting_signer.state import Control

    policy = _policy_of(file)
    if policy.policy_hash != expected:
        raise InvalidInputError(f"the hash of {file} is {policy.policy_hash}, not the one given")
    with build(current_settings()) as opened:
        if (opened.settings.wallet_address, opened.settings.wallet_network) != (
            policy.sender, policy.network,
        ):  # fmt: skip
            raise InvalidInputError("this policy is for another wallet or network")
        rows = opened.wallet_rows("betting_policy")
        before = _control(rows)
        at = opened.clock.now().replace(microsecond=0)
        # Off first: between the two nothing may be signed under a mixture of both.
        rows.set_control(Control(False, expected, at, before.released if before else 0))
        rows.set_policy(policy.dumps())
    _said(as_json, {"policy_hash": expected, "enabled": False}, f"Approved: {expected}")


@app.command()
def enable(
    days: Annotated[
        int, typer.Option("--days", min=1, max=_LONGEST.days, help="Off again after so many.")
    ] = 30,
    release: Annotated[
        bool, typer.Option("--release", help="Also release the lock after too many refusals.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Switch signing on, under the policy that was approved. By the policy's approver."""
    from dataclasses import replace

    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        rows = opened.wallet_rows("betting_policy")
        before = _control(rows)
        text = rows.policy()
        if before is None or text is None or _policy_in(text).policy_hash != before.policy_hash:
            raise InvalidInputError(
                "the policy that is kept was not approved; `wallet policy approve` does so"
            )
        until = opened.clock.now().replace(microsecond=0) + timedelta(days=days)
        released = before.released
        if release:
            released = rows.head(opened.wallet.address).locks
        rows.set_control(replace(before, enabled=True, until=until, released=released))
    told = f"{until:%Y-%m-%dT%H:%M:%SZ}"
    _said(as_json, {"enabled": True, "until": told}, f"Signing is on until {told}.")


@app.command()
def disable(as_json: Json = False) -> None:
    """Switch signing off at once. What is signed already can still be mined."""
    from dataclasses import replace

    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        rows = opened.wallet_rows("betting_policy")
        before = _control(rows)
        if before is None or not before.enabled:
            raise NothingToDoError("signing is off")
        rows.set_control(replace(before, enabled=False))
    _said(as_json, {"enabled": False}, "Signing is off.")


@audit_app.command()
def verify(
    copies: Annotated[
        Path | None, typer.Option("--copies", help="Also compare with the copies in this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Recompute the whole chain of the signer's record, and hold it against its copies."""
    from betting_ai.bootstrap import build
    from betting_signer.audit import copy_name, first_broken, first_different

    with build(current_settings()) as opened:
        rows = opened.wallet_rows("betting_auditor")
        address = opened.wallet.address
        head = rows.head(address)
        lines = list(rows.audit(address, 1, head.audit_seq))
        broken, what = first_broken(lines, (head.audit_seq, head.audit_hash)), "entry"
        kept = _copies(opened, copies)
        if broken is None and kept is not None:
            names = (copy_name(address, seq) for seq in range(1, len(lines) + 1))
            broken, what = first_different(lines, [kept.read(name) for name in names]), "copy"
        if broken is None and (more := _beyond(rows, kept, address, len(lines))):
            broken, what = len(lines) + 1, more
    if broken is not None:
        raise AuditBrokenError(f"{what} {broken} of the audit of {address} is not what was written")
    told = {"address": address, "entries": len(lines), "copies": kept is not None}
    beside = ", and so are their copies" if kept is not None else "; no copies were compared"
    _said(as_json, told, f"{len(lines)} entries are as they were written{beside}.")


def _beyond(rows: Any, kept: Any, address: str, last: int) -> str | None:  # noqa: ANN401 - of either store
    """What follows the last entry though the head has not gone on: then the head was put back."""
    from betting_signer.audit import copy_name

    what = None
    if next(iter(rows.audit(address, last + 1, last + 1)), None) is not None:
        what = "entry"
    elif kept is not None and kept.read(copy_name(address, last + 1)) is not None:
        what = "copy"
    # The signer may have gone on meanwhile: head and entry come together, the copy after them.
    return what if what and rows.head(address).audit_seq <= last else None


def _said(as_json: bool, told: dict[str, Any], words: str) -> None:
    typer.echo(json.dumps(told) if as_json else words)


def _table(titles: tuple[str, str], rows: list[tuple[str, str]], *, err: bool = False) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=any(titles))
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False, stderr=err).print(table)


def _show(told: TransferTold, as_json: bool) -> None:
    one = told.transfer
    content = {
        "id": str(one.id),
        "status": one.status,
        "state": told.state.value if told.state else None,
        "reason": one.reason,
        "chain_id": one.chain_id,
        "token": one.token,
        "amount": f"{one.amount:f}",
        "from": one.from_address,
        "to": one.to_address,
        "fee": None if one.fee is None else f"{one.fee:f}",
        "nonce": told.nonce,
        "tx_hash": one.tx_hash,
        "attempts": list(told.attempts),
        "confirmations": one.confirmations,
        "needs_confirmations": told.needs_confirmations,
        "created_at": f"{one.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "expires_at": told.expires_at,
    }
    if as_json:
        typer.echo(json.dumps(content))
        return
    shown = {**content, "attempts": len(told.attempts)}
    shown["confirmations"] = f"{one.confirmations} of {told.needs_confirmations}"
    del shown["needs_confirmations"]
    rows = [(name.replace("_", " "), str(value)) for name, value in shown.items() if value != None]  # noqa: E711
    _table(("", ""), rows)


def _quoted(opened: App, wanted: WantedTransfer, asset: Any) -> TransferQuote:  # noqa: ANN401
    from betting_ai.usecases.quote_transfer import QuoteTransfer, QuoteTransferCommand

    wallet, nodes = opened.wallet, opened.chain_nodes
    command = QuoteTransferCommand(
        wanted.sender, wanted.to, asset, wanted.units, wallet.kind, wallet.ceilings
    )
    return QuoteTransfer({nodes.chain.id: nodes})(command)


def _show_meant(
    opened: App,
    wanted: WantedTransfer,
    asset: Any,  # noqa: ANN401
    quote: TransferQuote,
) -> None:
    """On stderr: it is no answer, and a machine reads the other."""
    from betting_ai.domain.chains import find_asset

    chain = opened.wallet_chain
    coin = find_asset(chain.id, chain.native)
    most = quote.fee.most(quote.gas_limit)
    total = f"{asset.text(wanted.units)} {asset.symbol} and {coin.text(most)} {coin.symbol}"
    if asset == coin:
        total = f"{coin.text(wanted.units + most)} {coin.symbol}"
    _table(
        ("transfer", ""),
        [
            ("pays", f"{asset.text(wanted.units)} {asset.symbol}"),
            ("to", wanted.to),
            ("from", wanted.sender),
            ("on", f"{chain.name} ({chain.id})"),
            ("fee at most", f"{coin.text(most)} {coin.symbol}"),
            ("total at most", total),
        ],
        err=True,
    )


def _confirm(address: str) -> None:
    end = address[-_TYPED:]
    typed = typer.prompt(f"Type the last {_TYPED} characters of the payee's address", err=True)
    if typed.strip().lower() != end.lower():
        raise InvalidInputError("these are others; nothing was done")


def _known(opened: App, transfer_id: str) -> TransferTold | None:
    try:
        return opened.read_transfer(transfer_id)
    except NotFoundError:
        return None


def _asset_of(opened: App, contract: str) -> Any:  # noqa: ANN401
    for one in opened.wallet.assets:
        if (one.contract or "native") == contract:
            return one
    raise NotFoundError("this transfer moves a token that is not listed here")


def _control(rows: Any) -> Control | None:  # noqa: ANN401 - of either store
    from betting_signer.contract import MalformedError
    from betting_signer.state import Control

    text = rows.control()
    try:
        return None if text is None else Control.loads(text)
    except MalformedError:
        return None


def _policy_of(file: Path) -> Policy:
    try:
        text = file.read_text()
    except (OSError, UnicodeError):
        raise InvalidInputError(f"there is no readable policy {file}") from None
    return _policy_in(text)


def _policy_in(text: str) -> Policy:
    from betting_signer.contract import MalformedError
    from betting_signer.policy import Policy

    try:
        return Policy.loads(text, limit=None)
    except MalformedError as error:
        raise InvalidInputError(f"this is no policy: {error}") from None


def _switch(policy: Policy, control: Control | None, at: datetime) -> dict[str, Any]:
    approved = control is not None and control.policy_hash == policy.policy_hash
    on = control is not None and approved and control.enabled and control.until > at
    until = f"{control.until:%Y-%m-%dT%H:%M:%SZ}" if control and on else None
    return {
        "policy_hash": policy.policy_hash, "approved": approved, "enabled": on, "until": until,
    }  # fmt: skip


def _copies(opened: App, folder: Path | None) -> Any:  # noqa: ANN401
    if folder is not None:
        from betting_signer.copies import FolderCopies

        if not folder.is_dir():
            raise InvalidInputError(f"there is no folder {folder}")
        return FolderCopies(folder)
    if opened.settings.audit_bucket is None:
        return None
    from betting_ai.adapters.aws.clients import client
    from betting_signer.dynamo import S3Copies

    return S3Copies(client("s3"), opened.settings.audit_bucket)


def _uuid(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInputError(f"{what} {text!r} is no UUID") from None


def _key(asked: bool, file: Path | None) -> str:
    from betting_signer import custody

    if file is not None:
        return custody.private_text(file)
    if asked:
        return str(typer.prompt("The key (64 hexadecimal digits)", hide_input=True, err=True))
    return custody.new_key()[0]


def _password(file: Path | None) -> str:
    from betting_signer import custody

    if file is not None:
        found = custody.private_text(file).rstrip("\r\n")
    else:
        found = str(
            typer.prompt(
                "A password for the keystore", hide_input=True, confirmation_prompt=True, err=True
            )
        )
    if len(found) < 12:
        raise InvalidInputError("the password needs at least 12 characters")
    return found


def _keep(path: Path, text: str) -> None:
    import os

    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _make_schema() -> None:
    """The signer's tables and roles, in this machine's database."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        opened.make_wallet_schema()


def _held(secret: str) -> bool:
    """Whether a secret has a value; what it is is not asked, and may not be by the custodian."""
    from betting_ai.adapters.aws.clients import client

    try:
        found = client("secretsmanager").describe_secret(SecretId=secret)
    except Exception as error:
        raise SecretError(f"the secret cannot be looked at ({type(error).__name__})") from None
    return bool(found.get("VersionIdsToStages"))


def _put_secret(secret: str, key: str) -> None:
    from betting_ai.adapters.aws.clients import client
    from betting_signer.custody import hush

    hush()
    good = False
    with suppress(Exception):  # whatever it is, it may hold what was sent
        client("secretsmanager").put_secret_value(SecretId=secret, SecretString=key)
        good = True
    key = ""  # of a frame that an error shows
    if not good:
        raise SecretError("the secret could not be put; is this the custodian's role?")
