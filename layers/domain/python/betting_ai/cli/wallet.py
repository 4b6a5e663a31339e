"""``wallet``: a key, what it holds, transfers, and who may allow them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID, uuid4

import typer

from betting_ai.cli import wallet_audit, wallet_keys, wallet_policy
from betting_ai.cli.context import Json, Voice, environment
from betting_ai.cli.wallet_follow import follow
from betting_ai.cli.wallet_place import confirm, opened_wallet, table
from betting_ai.cli.wallet_policy import control_of, policy_in
from betting_ai.errors import DomainError, InvalidInputError, NotFoundError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.bootstrap import App
    from betting_ai.domain.chains import Asset
    from betting_ai.domain.transfers import TransferQuote, WantedTransfer
    from betting_ai.ports.chain import Balances
    from betting_ai.usecases.request_transfer import TransferTold
    from betting_signer.contract import Intent

app = typer.Typer(help="A wallet: balances, and transfers that are guarded.", no_args_is_help=True)
app.command()(wallet_keys.init)
app.command()(wallet_keys.tables)

_NOT_HERE: Final = "it has no contract on this chain"
_Id = Annotated[str, typer.Argument(help="Of the transfer; `wallet send` told it.")]


class ApprovedBeforeError(DomainError):
    """Somebody else has approved this transfer; an approval is never changed."""

    code = "approved_before"


@app.command()
def balance(as_json: Json = False) -> None:
    """What the wallet holds now of everything that is configured, all at one block."""
    from betting_ai.usecases.carry_transfers import holdings

    with opened_wallet() as opened:
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
        table(
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
    from betting_ai.usecases.request_transfer import RequestTransferCommand

    if environment.get() is not None:
        raise InvalidInputError(
            "in AWS the API alone may ask for transfers; call it with a key of scope transfer"
            " (docs/wallet-aws.md)"
        )
    name = uuid4() if request_id is None else _uuid(request_id, "--request-id")
    with opened_wallet() as opened:
        symbol = _symbol(opened, token)
        command = RequestTransferCommand(name, symbol, to, amount, for_approval)
        if yes and not opened.wallet_chain.testnet:
            raise InvalidInputError("--yes is for test networks; real money is confirmed by hand")
        request = opened.request_transfer
        asset, wanted = request.meant(command)
        known = _known(opened, str(name))
        if known is None:
            quote = _quoted(opened, wanted, asset)
            if not as_json:
                _show_meant(opened, wanted, asset, quote)
            if not yes:
                confirm(wanted.to)
        kept = request(command)
        told = opened.read_transfer(kept.id)
    if known is not None:
        Voice(as_json=as_json).note("this transfer was asked for before; nothing new was asked")
    _show(told, as_json)


@app.command()
def status(transfer_id: _Id, as_json: Json = False) -> None:
    """What became of a transfer."""
    with opened_wallet() as opened:
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
    """Give a second person's word for exactly one transfer.

    Who you are is what your role in AWS, or your user of the database, says; the embedded database
    has one for everybody, and believes the name.
    """
    from betting_ai.domain.chains import CHAINS
    from betting_signer.contract import Approval

    with opened_wallet() as opened:
        if yes and not opened.wallet_chain.testnet:
            raise InvalidInputError("--yes is for test networks; real money is approved by hand")
        rows = opened.wallet_rows("betting_approver")
        at = opened.clock.now().replace(microsecond=0)
        name = str(_uuid(transfer_id, "the id"))
        _check_open(rows, name)
        intent = _approvable(rows, name, approver, at)
        given = Approval(intent.request_hash, approver, at)
        before = rows.approval(intent.request_hash)
        if before is None:
            _check_policy(opened, rows, intent, approver)
        else:
            _check_same(before[0], approver)
        asset = _asset_of(opened, intent.asset)
        chain = next(one for one in CHAINS if one.id == intent.chain_id)
        if not as_json:
            table(
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
        if before is None and not yes:
            confirm(intent.to)
        new = before is None and rows.put_approval(given)
        if before is None and not new:  # somebody was faster
            _check_same(rows.approval(intent.request_hash)[0], approver)
    if not new:
        Voice(as_json=as_json).note("this transfer was approved before")
    if as_json:
        told = {"id": intent.intent_id, "request_hash": intent.request_hash, "new": new}
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"Approved: {intent.request_hash}")


def _show(told: TransferTold, as_json: bool) -> None:
    from betting_ai.domain.transfers import FOR_GOOD

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
    needed = told.needs_confirmations
    shown["confirmations"] = f"{min(one.confirmations, needed)} of {needed}"
    del shown["needs_confirmations"]
    rows = [(name.replace("_", " "), str(value)) for name, value in shown.items() if value != None]  # noqa: E711
    table(("", ""), rows)
    if one.reason in FOR_GOOD and one.status != "refused":
        typer.echo("The signer is not asked again. Ask anew, with another id, once it has expired.")
    if one.reason == "lifetime_too_long":
        typer.echo("It waits for an approval that so small an amount needs not: ask again without.")


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
    table(
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


def _approvable(rows: Any, transfer_id: str, approver: str, at: datetime) -> Intent:  # noqa: ANN401
    from betting_signer.contract import Approval, Intent, MalformedError

    found = rows.intent(transfer_id)
    if found is None:
        raise NotFoundError("nothing of this id was asked for")
    try:
        intent = Intent.loads(found[0])
        # A name that the signer would not read.
        Approval.loads(Approval(intent.request_hash, approver, at).dumps())
    except MalformedError as error:
        raise InvalidInputError(f"this cannot be approved: {error}") from None
    if approver == intent.requester:
        raise InvalidInputError("whoever asked for a transfer cannot approve it")
    if intent.expires_at <= at:
        raise InvalidInputError("this transfer has expired; it has to be asked for again")
    return intent


def _check_open(rows: Any, transfer_id: str) -> None:  # noqa: ANN401 - of either store
    """Refuse what is signed or over: asked for again, it would be paid twice."""
    found = rows.row(transfer_id)
    state = json.loads(found[1])["state"] if found else "quoted"
    if state not in {"quoted", "expired"}:
        raise NothingToDoError(f"this transfer is {state}; there is nothing to approve any more")


def _check_policy(opened: App, rows: Any, intent: Intent, approver: str) -> None:  # noqa: ANN401 - of either store
    """Refuse what could be approved and yet never be signed: an approval cannot be taken back."""
    from betting_signer.contract import INTENT_LIFE

    text, control = rows.policy(), control_of(rows)
    policy = policy_in(text) if text else None
    if policy is None or control is None or control.policy_hash != policy.policy_hash:
        raise InvalidInputError("no policy is approved under which this could be")
    if approver not in policy.approvers:
        names = ", ".join(policy.approvers) or "nobody"
        raise InvalidInputError(f"the policy has no approver {approver!r}; it has {names}")
    wanted = (intent.chain_id, intent.asset)
    caps = next((one for one in policy.assets if (one.chain_id, one.asset) == wanted), None)
    if caps is None:
        raise InvalidInputError("the policy lets nobody move this; it cannot be approved")
    asset = _asset_of(opened, intent.asset)
    if intent.amount > caps.per_transaction:
        most = f"{asset.text(caps.per_transaction)} {asset.symbol}"
        raise InvalidInputError(f"the policy moves at most {most} at once, also when approved")
    if intent.amount <= caps.approval_above:
        told = "so little needs no approval"
        if intent.expires_at - intent.created_at > INTENT_LIFE:  # so it is never signed
            told += ", and is not signed where it waits for one: ask again without --for-approval"
        raise InvalidInputError(told)


def _check_same(text: str, approver: str) -> None:
    from betting_signer.contract import Approval

    before = Approval.loads(text)
    if before.approver != approver:
        raise ApprovedBeforeError(
            f"{before.approver} approved this transfer at {before.approved_at:%Y-%m-%d %H:%M:%S}"
            " UTC; one word is enough, and it stays"
        )


def _symbol(opened: App, token: str) -> str:
    """The symbol that is meant, however it is typed."""
    symbols = [one.symbol for one in opened.wallet.assets]
    alike = [one for one in symbols if one.lower() == token.lower()]
    return token if token in symbols or len(alike) != 1 else alike[0]


def _uuid(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInputError(f"{what} {text!r} is no UUID") from None


app.command()(follow)
app.command()(wallet_policy.enable)
app.command()(wallet_policy.disable)
app.add_typer(wallet_policy.app, name="policy")
app.add_typer(wallet_audit.app, name="audit")
