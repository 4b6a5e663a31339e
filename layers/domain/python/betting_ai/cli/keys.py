"""``keys``: who may call the API."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.domain.keys import Scope
from betting_ai.errors import InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from datetime import datetime

    from betting_ai.domain.keys import ApiKey
    from betting_ai.usecases.manage_keys import NewSecrets

app = typer.Typer(help="Application keys: who may call the API.", no_args_is_help=True)

_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


_Id = Annotated[str, typer.Argument(help="The key's id; `keys list` shows them.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="For you.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option("--scope", help="read, bet or transfer; may be given several times."),
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option("--expires-in", help="Such as 90d, 12h or 2w; never by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key; its token, and what it signs with, are shown this once."""
    from betting_ai.bootstrap import build
    from betting_ai.usecases.manage_keys import CreateKeyCommand

    command = CreateKeyCommand(
        name=name,
        scopes=frozenset(scope or [Scope.READ]),
        lifetime=None if expires_in is None else _span(expires_in),
    )
    with build(current_settings()) as opened:
        made = opened.create_key(command)
    _show_once(made, as_json)


@app.command(name="list")
def list_keys(as_json: Json = False) -> None:
    """All keys, the newest first; no secret is among what it shows."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        found = opened.list_keys()[::-1]
        now = opened.clock.now()
    if not found:
        raise NothingToDoError("no key yet; make one with `keys create NAME`")
    if as_json:
        typer.echo(json.dumps([_line(key, now) for key in found]))
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for title in ("id", "name", "scopes", "state", "expires", "last used"):
        table.add_column(title, overflow="fold", no_wrap=title == "id")
    for key in found:
        table.add_row(
            key.id, escape(key.name), _scopes(key), _state(key, now),
            _day(key.expires_at, "never"), _day(key.last_used_at, "not yet"),
        )  # fmt: skip
    Console(highlight=False).print(table)


@app.command()
def rotate(
    key_id: _Id,
    finish: Annotated[
        bool, typer.Option("--finish", help="End the token and signing secret of before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Give a key a new token and signing secret; those of before stay good until --finish."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        if not finish:
            made = opened.rotate_key(key_id)
        else:
            key, now = opened.finish_rotation(key_id), opened.clock.now()
    if not finish:
        _show_once(made, as_json)
    else:
        _told(key, now, f"Key {key_id}: only its newest token and secret are good now.", as_json)


@app.command()
def revoke(key_id: _Id, as_json: Json = False) -> None:
    """End a key for good."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as opened:
        key, now = opened.revoke_key(key_id), opened.clock.now()
    _told(key, now, f"Key {key_id} was revoked at {_minute(key.revoked_at)}.", as_json)


def _show_once(made: NewSecrets, as_json: bool) -> None:
    key = made.key
    secrets = {"token": made.token, "signing_secret": made.signing_secret}
    if as_json:
        typer.echo(json.dumps(_line(key, key.created_at) | {"shown_once": secrets}))
        return
    end = "" if key.expires_at is None else f", until {_minute(key.expires_at)}"
    typer.echo(f"Key {key.id} ({key.name}): {_scopes(key)}{end}")
    typer.echo("Shown once, and stored nowhere; keep it now:")
    for title, secret in secrets.items():
        if secret is not None:
            typer.echo(f"  {title.replace('_', ' '):<15} {secret}")
    if key.rotated_at is not None:
        typer.echo(
            f"Those of before are good until `betting-ai keys rotate {key.id} --finish`, or the "
            "next rotation."
        )


def _told(key: ApiKey, now: datetime, words: str, as_json: bool) -> None:
    typer.echo(json.dumps(_line(key, now)) if as_json else words)


def _line(key: ApiKey, now: datetime) -> dict[str, Any]:
    instants = {
        name: None if (at := getattr(key, name)) is None else at.isoformat()
        for name in ("created_at", "expires_at", "revoked_at", "rotated_at", "last_used_at")
    }
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": _state(key, now),
        "generations": list(key.generations),
    } | instants


def _state(key: ApiKey, now: datetime) -> str:
    return key.ended(now) or ("rotating" if len(key.generations) > 1 else "good")


def _scopes(key: ApiKey) -> str:
    return ", ".join(one for one in Scope if one in key.scopes)


def _day(at: datetime | None, otherwise: str) -> str:
    return otherwise if at is None else f"{at:%Y-%m-%d}"


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if found is None:
        raise InvalidInputError(f"--expires-in is written 90d, 12h or 2w: {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
