"""``db``: look after the database; everyday commands start and upgrade it by themselves."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from betting_ai.cli.context import current_settings, environment
from betting_ai.cli.operating import ask
from betting_ai.errors import DatabaseUnavailableError, InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.adapters.local.postgres import EmbeddedPostgres
    from betting_ai.settings import Settings

app = typer.Typer(help="Look after the database.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command()
def status(as_json: _Json = False) -> None:
    """Where the database is, and whether it is up to date."""
    from sqlalchemy import text

    from betting_ai.adapters.sql.database import reach_database
    from betting_ai.adapters.sql.migrate import HEAD, current_revision

    settings = current_settings()
    facts: dict[str, object] = {"kind": "external", "exists": True, "running": True}
    if settings.database_url is None:
        server = _embedded(settings)
        facts = {
            "kind": "embedded",
            "exists": server.exists,
            "running": server.running,
            "location": str(server.location),
            "postgresql": server.version,
        }
    if facts["exists"]:
        with reach_database(_url(settings), settings.home) as engine:
            revision = current_revision(engine)
            with engine.connect() as connection:
                size = connection.scalar(text("SELECT pg_database_size(current_database())"))
        facts |= {"revision": revision, "up_to_date": revision == HEAD, "bytes": size}
    _show(facts, as_json=as_json)


@app.command()
def upgrade(as_json: _Json = False) -> None:
    """Bring the schema to what this version needs (every command does so by itself)."""
    if environment.get() is not None:
        _show(ask("upgrade", {}, as_json=as_json).output, as_json=as_json)
        return
    from betting_ai.adapters.sql.database import prepare, reach_database
    from betting_ai.adapters.sql.migrate import HEAD, current_revision

    settings = current_settings()
    with reach_database(_url(settings), settings.home) as engine:
        before = current_revision(engine)
        prepare(engine)
    _show({"revision": HEAD, "changed": before != HEAD}, as_json=as_json)


@app.command()
def start(as_json: _Json = False) -> None:
    """Keep the embedded database running until Ctrl-C, for other programs to look at."""
    signals = {signal.SIGINT, signal.SIGTERM}
    with _embedded(current_settings()) as server:
        _show({"url": server.url()}, as_json=as_json)
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        signal.sigwait(signals)


@app.command()
def stop(as_json: _Json = False) -> None:
    """Stop an embedded database that a killed process left running."""
    server = _embedded(current_settings())
    if not server.running:
        raise NothingToDoError("The embedded database does not run")
    server.start()
    if not server.leave():
        raise DatabaseUnavailableError(
            "The database is in use; it stops with the last process that uses it"
        )
    _show({"stopped": True}, as_json=as_json)


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Yes, delete everything.")] = False,
    as_json: _Json = False,
) -> None:
    """Delete everything in the embedded database: matches, prices, picks and bets."""
    from betting_ai.adapters.sql.database import prepare
    from betting_ai.adapters.sql.engine import connect

    if not yes:
        raise InvalidInputError("This deletes every match, price, pick and bet; add --yes")
    with _embedded(current_settings()) as server:
        server.wipe()
        engine = connect(server.url())
        prepare(engine)
        engine.dispose()
    _show({"reset": True}, as_json=as_json)


@app.command()
def url(as_json: _Json = False) -> None:
    """The embedded database's address, for psql and the like while it runs (see start)."""
    server = _embedded(current_settings())
    if as_json:
        _show({"url": server.url(), "running": server.running}, as_json=True)
    else:
        typer.echo(server.url())


def _embedded(settings: Settings) -> EmbeddedPostgres:
    from betting_ai.adapters.local.postgres import EmbeddedPostgres

    if settings.database_url is not None:
        raise InvalidInputError(
            "DATABASE_URL names a database of your own; this is for the embedded one"
        )
    return EmbeddedPostgres(settings.home)


def _url(settings: Settings) -> str | None:
    return settings.database_url.get_secret_value() if settings.database_url else None


def _show(facts: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        words = ("no", "yes")[value] if isinstance(value, bool) else value
        typer.echo(f"{name.replace('_', ' '):<12} {words}")
