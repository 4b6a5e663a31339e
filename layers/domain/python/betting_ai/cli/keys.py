"""``keys``: who may call the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from betting_ai.cli.context import Json
from betting_ai.cli.operating import ask
from betting_ai.domain.keys import Scope

app = typer.Typer(help="Application keys: who may call the API.", no_args_is_help=True)

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
    asked = {"name": name, "scopes": scope or [Scope.READ], "expires_in": expires_in}
    _show_once(ask("keys create", asked, as_json=as_json).output, as_json)


@app.command(name="list")
def list_keys(as_json: Json = False) -> None:
    """All keys, the newest first; no secret is among what it shows."""
    found = ask("keys list", {}, as_json=as_json).output
    if as_json:
        typer.echo(json.dumps(found))
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
            key["id"], escape(key["name"]), _scopes(key), key["state"],
            _day(key["expires_at"], "never"), _day(key["last_used_at"], "not yet"),
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
    if not finish:
        _show_once(ask("keys rotate", {"key_id": key_id}, as_json=as_json).output, as_json)
        return
    key = ask("keys finish", {"key_id": key_id}, as_json=as_json).output
    _told(key, f"Key {key_id}: only its newest token and secret are good now.", as_json)


@app.command()
def revoke(key_id: _Id, as_json: Json = False) -> None:
    """End a key for good."""
    key = ask("keys revoke", {"key_id": key_id}, as_json=as_json).output
    _told(key, f"Key {key_id} was revoked at {_minute(key['revoked_at'])}.", as_json)


def _show_once(key: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(key))
        return
    end = "" if key["expires_at"] is None else f", until {_minute(key['expires_at'])}"
    typer.echo(f"Key {key['id']} ({key['name']}): {_scopes(key)}{end}")
    typer.echo("Shown once, and stored nowhere; keep it now:")
    for title, secret in key["shown_once"].items():
        if secret is not None:
            typer.echo(f"  {title.replace('_', ' '):<15} {secret}")
    if key["rotated_at"] is not None:
        typer.echo(
            f"Those of before are good until `betting-ai keys rotate {key['id']} --finish`, or the "
            "next rotation."
        )


def _told(key: Mapping[str, Any], words: str, as_json: bool) -> None:
    typer.echo(json.dumps(key) if as_json else words)


def _scopes(key: Mapping[str, Any]) -> str:
    return ", ".join(one for one in Scope if one in key["scopes"])


def _day(at: str | None, otherwise: str) -> str:
    return otherwise if at is None else f"{datetime.fromisoformat(at):%Y-%m-%d}"


def _minute(at: str | None) -> str:
    return "" if at is None else f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M} UTC"
