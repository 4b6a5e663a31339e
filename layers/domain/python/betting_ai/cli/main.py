"""The command ``betting-ai``: all commands in one place, and one line when one fails."""

from __future__ import annotations

import os
import re
import sys
import traceback
from functools import partial
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from betting_ai.cli import alerts, db, history, keys, models, review, session, venue, wallet
from betting_ai.cli.backtest import backtest
from betting_ai.cli.context import REMOTE, Voice, environment, refuse_remote
from betting_ai.cli.doctor import doctor
from betting_ai.cli.evaluate import evaluate
from betting_ai.cli.ingest import fetch, ingest
from betting_ai.cli.lookahead import lookahead_check
from betting_ai.cli.performance import performance
from betting_ai.cli.predict import predict
from betting_ai.cli.replay import replay
from betting_ai.cli.serve import serve
from betting_ai.cli.settle import settle
from betting_ai.cli.top3 import top3_bets
from betting_ai.cli.train import train
from betting_ai.errors import DomainError, InvalidInputError

DEBUG = "BETTING_AI_DEBUG"

_ENVIRONMENT: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")

app = typer.Typer(
    name="betting-ai",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    top3_bets,
    predict,
    ingest,
    fetch,
    train,
    evaluate,
    backtest,
    lookahead_check,
    replay,
    settle,
    performance,
    serve,
    doctor,
):
    app.command()(command)
app.add_typer(history.app, name="history", no_args_is_help=False)
app.add_typer(session.app, name="session", no_args_is_help=False)
app.add_typer(venue.app, name="venue", no_args_is_help=False)
app.add_typer(alerts.app, name="alerts", no_args_is_help=False)
app.add_typer(review.app, name="review", no_args_is_help=False)
app.add_typer(keys.app, name="keys", no_args_is_help=False)
app.add_typer(db.app, name="db", no_args_is_help=False)
app.add_typer(wallet.app, name="wallet", no_args_is_help=False)
app.add_typer(models.app, name="models", no_args_is_help=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        typer.echo(importlib.metadata.version("betting-ai"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            envvar="BETTING_AI_ENV",
            help="An environment of AWS, such as dev, is asked in the place of this machine.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Which version this is."
        ),
    ] = False,
) -> None:
    """Finds the day's three best value bets, says why, and keeps a record."""
    if env and not _ENVIRONMENT.fullmatch(env):
        raise InvalidInputError(f"{env!r} is no name of an environment, such as dev")
    context.call_on_close(partial(environment.reset, environment.set(env or None)))
    if context.invoked_subcommand not in REMOTE:
        refuse_remote()


def main() -> int:
    """Run the command line.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 3 nothing to do, 130 interrupted.
    """
    arguments = sys.argv[1:] or ["--help"]
    voice = Voice(as_json="--json" in arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        code = app(arguments, prog_name="betting-ai", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):  # the latter at a question
        return 130
    except BrokenPipeError:
        _close_quietly()
        return 1
    except Exception as error:
        return _complain(error, voice)
    return code if isinstance(code, int) else 0


def _complain(error: Exception, voice: Voice) -> int:
    """Say in one line what went wrong; gives the exit code."""
    if isinstance(error, DomainError):
        voice.error(error.code, str(error))
        return error.exit_code
    if isinstance(error, TyperException):
        voice.error("usage", f"{error.format_message()} (see --help)")
        return error.exit_code
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    elif isinstance(error, OSError):  # a full disk, a folder that may not be written to
        voice.error("system", f"{error.strerror or error}: {error.filename or 'no file named'}")
    else:
        what = f"{type(error).__name__}: {error}"
        voice.error("bug", f"unexpected {what}; run again with {DEBUG}=1 for the details")
    return 1


def _close_quietly() -> None:
    """The reader has gone; what is left in the buffer must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
