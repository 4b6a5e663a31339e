"""``wallet policy``, ``wallet enable``, ``wallet disable``: what the signer goes by."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from betting_ai.cli.context import Json, environment
from betting_ai.cli.wallet_place import opened_wallet, said, table
from betting_ai.errors import InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.bootstrap import App
    from betting_signer.policy import Policy
    from betting_signer.state import Control, Head

app = typer.Typer(help="The rules that the signer goes by.", no_args_is_help=True)

_LONGEST: Final = timedelta(days=366)
_NO_POLICY: Final = "there is no policy; `wallet policy propose FILE` puts one"

_File = Annotated[Path, typer.Argument(help="The policy, a JSON document.", show_default=False)]


@app.command()
def show(as_json: Json = False) -> None:
    """The policy as it is kept, whether it is the one that was approved, and the switch."""
    with opened_wallet() as opened:
        rows = opened.wallet_rows("betting_policy")
        policy = _kept(rows)
        told = _switch(policy, control_of(rows), rows.head(policy.sender), opened.clock.now())
    if as_json:
        typer.echo(json.dumps({**told, "policy": policy.content()}))
        return
    typer.echo(json.dumps(policy.content(), indent=2))
    table(("", ""), [(name.replace("_", " "), str(value)) for name, value in told.items()])


@app.command(name="hash")
def hash_of(file: _File, as_json: Json = False) -> None:
    """What would be approved: SHA-256 of the whole content."""
    found = _policy_of(file).policy_hash
    typer.echo(json.dumps({"policy_hash": found}) if as_json else found)


@app.command()
def propose(file: _File, as_json: Json = False) -> None:
    """Put a policy, and approve nothing: nothing is signed until somebody approves its hash."""
    policy = _policy_of(file)
    with opened_wallet() as opened:
        _check_ours(opened, policy)
        opened.wallet_rows("betting_policy").set_policy(policy.dumps())
    found = policy.policy_hash
    told = {"policy_hash": found, "approved": False}
    said(as_json, told, f"Proposed: {found}\nNothing is signed until it is approved.")


@app.command(name="approve")
def approve_policy(
    expected: Annotated[
        str, typer.Option("--hash", help="The hash you have checked; `wallet policy hash` tells.")
    ],
    file: Annotated[
        Path | None,
        typer.Argument(help="Propose this one and approve it; the kept one without."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that a policy is the right one. Signing is off until `wallet enable`."""
    from betting_signer.state import Control

    if file is not None and environment.get() is not None:
        raise InvalidInputError(
            "in AWS the custodian proposes, and another role approves what is kept: leave FILE out"
        )
    given = None if file is None else _policy_of(file)
    with opened_wallet() as opened:
        rows = opened.wallet_rows("betting_policy")
        policy = given or _kept(rows)
        if policy.policy_hash != expected:
            what = file or "the policy that is kept"
            raise InvalidInputError(
                f"the hash of {what} is {policy.policy_hash}, not the one given"
            )
        _check_ours(opened, policy)
        if given is None and not as_json:
            typer.echo(json.dumps(policy.content(), indent=2))
        before = control_of(rows)
        at = opened.clock.now().replace(microsecond=0)
        # Off first: between the two nothing may be signed under a mixture of both.
        rows.set_control(Control(False, expected, at, before.released if before else 0))
        if given is not None:
            rows.set_policy(given.dumps())
    told = {"policy_hash": expected, "enabled": False}
    said(as_json, told, f"Approved: {expected}\nSigning is off until `wallet enable`.")


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

    with opened_wallet() as opened:
        rows = opened.wallet_rows("betting_policy")
        before = control_of(rows)
        kept = _kept(rows)
        if before is None or kept.policy_hash != before.policy_hash:
            raise InvalidInputError(
                "the policy that is kept was not approved; `wallet policy approve` does so"
            )
        locks = rows.head(opened.wallet.address).locks
        if locks > before.released and not release:
            raise InvalidInputError(
                "too many refusals have locked the wallet; find out why (`wallet audit show`),"
                " and add --release"
            )
        until = opened.clock.now().replace(microsecond=0) + timedelta(days=days)
        rows.set_control(replace(before, enabled=True, until=until, released=locks))
    told = f"{until:%Y-%m-%dT%H:%M:%SZ}"
    said(as_json, {"enabled": True, "until": told}, f"Signing is on until {told}.")


def disable(as_json: Json = False) -> None:
    """Switch signing off at once. What is signed already can still be mined."""
    from dataclasses import replace

    with opened_wallet() as opened:
        rows = opened.wallet_rows("betting_policy")
        before = control_of(rows)
        if before is None or not before.enabled:
            raise NothingToDoError("signing is off")
        rows.set_control(replace(before, enabled=False))
    said(as_json, {"enabled": False}, "Signing is off.")


def _kept(rows: Any) -> Policy:  # noqa: ANN401 - of either store
    text = rows.policy()
    if text is None:
        raise NothingToDoError(_NO_POLICY)
    return policy_in(text)


def _check_ours(opened: App, policy: Policy) -> None:
    ours = (opened.settings.wallet_address, opened.settings.wallet_network)
    if ours != (policy.sender, policy.network):
        raise InvalidInputError("this policy is for another wallet or network")


def control_of(rows: Any) -> Control | None:  # noqa: ANN401 - of either store
    """The switch; None where it is missing or cannot be read, and so off."""
    from betting_signer.contract import MalformedError
    from betting_signer.state import Control

    text = rows.control()
    try:
        return None if text is None else Control.loads(text)
    except MalformedError:
        return None


def _policy_of(file: Path) -> Policy:
    from betting_signer.contract import MalformedError, text_of

    try:
        text = text_of(file)
    except OSError:
        raise InvalidInputError(f"there is no readable policy {file}") from None
    except MalformedError as error:
        raise InvalidInputError(f"{file}: {error}") from None
    return policy_in(text)


def policy_in(text: str) -> Policy:
    """A policy from its text.

    Raises:
        InvalidInputError: it is none.
    """
    from betting_signer.contract import MalformedError
    from betting_signer.policy import Policy

    try:
        return Policy.loads(text, limit=None)
    except MalformedError as error:
        raise InvalidInputError(f"this is no policy: {error}") from None


def _switch(policy: Policy, control: Control | None, head: Head, at: datetime) -> dict[str, Any]:
    approved = control is not None and control.policy_hash == policy.policy_hash
    on = control is not None and approved and control.enabled and control.until > at
    return {
        "policy_hash": policy.policy_hash,
        "approved": approved,
        "enabled": on,
        "until": f"{control.until:%Y-%m-%dT%H:%M:%SZ}" if control and on else None,
        "locked": head.locks > (control.released if control else 0),
    }
