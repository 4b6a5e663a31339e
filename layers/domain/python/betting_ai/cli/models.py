"""``models``: which there are, how they compare, and which one answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from betting_ai.cli import managed_models
from betting_ai.cli.context import Voice, calendar_day, current_settings, existing_folder
from betting_ai.cli.season_files import read_seasons
from betting_ai.errors import InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.adapters.local.model_store import FolderModelStore
    from betting_ai.backtest.promotion import Comparison
    from betting_ai.settings import Settings

app = typer.Typer(help="Which models there are, and which one answers.", no_args_is_help=True)
for command in (managed_models.publish, managed_models.retrain, managed_models.judge):
    app.command()(command)

_Json = Annotated[bool, typer.Option("--json", help="For machines.")]
_Market = Annotated[
    str, typer.Option("--market", help="match_result, over_under_2_5, tennis_winner, ...")
]
_Channel = Annotated[str | None, typer.Option("--channel", help="The settings' by default.")]
_Folder = Annotated[Path, typer.Option("--folder", help="Season files with untouched matches.")]
_Until = Annotated[
    str | None, typer.Option("--to", help="Last date of matches; the newest by default.")
]


@app.command(name="list")
def list_models(as_json: _Json = False) -> None:
    """Every model that is or was promoted, with its held-out figures."""
    from betting_ai.adapters.local.model_store import FolderModelStore
    from betting_ai.bootstrap import build
    from betting_ai.domain.markets import BETTING_MARKETS

    settings = current_settings()
    store = None if settings.models_bucket else FolderModelStore(settings.models)
    found: list[dict[str, Any]] = []
    with build(settings) as opened:
        registry = opened.registry
        for market in BETTING_MARKETS:
            channels, gone = registry.channels(market.name), {}
            versions = {version for its in channels.values() for version in its}
            if store is not None:
                gone = store.withdrawn(market.name)
                there = {*store.versions(market.name)}
                versions |= {version for its in gone.values() for version in its} & there
            for version in sorted(versions):
                manifest = registry.manifest(market.name, version)
                found.append(
                    {
                        "market": market.name,
                        "version": version,
                        "channels": [name for name, its in channels.items() if version in its],
                        "withdrawn_from": [name for name, its in gone.items() if version in its],
                        "trained_through": manifest.trained_through.isoformat(),
                        "gate": manifest.gate.to_dict(),
                        "pick_price": manifest.metrics["pick_price"],
                        "ensemble": manifest.metrics["ensemble"],
                    }
                )
    if as_json:
        typer.echo(json.dumps(found))
        return
    from rich.console import Console

    from betting_ai.cli.evaluate_view import difference, narrow

    table = narrow("market", "version", "channels", "picks", "f to close", "p to results")
    for m in found:
        where = [*m["channels"], *(f"({name})" for name in m["withdrawn_from"])]
        table.add_row(
            m["market"], m["version"], ", ".join(where),
            "yes" if m["gate"]["open"] else "no",
            difference(m["pick_price"]["cross_entropy_difference"]),
            difference(m["ensemble"]["log_loss_difference"]),
        )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "A version is the last day of training; the newest one before a question answers. picks: "
        "whether its market may give any. f to close, p to results: pick price and ensemble on "
        "seasons held out, against the average pre-match price, in 0.00001 nats of log-loss with "
        "standard error; below zero is better. A channel in brackets: withdrawn from it; `models "
        "restore` brings it back.",
        style="dim",
    )


@app.command()
def compare(
    challenger: Annotated[str, typer.Argument(help="A version, such as 2025-06-30.")],
    folder: _Folder,
    champion: Annotated[
        str | None, typer.Option("--with", help="The newest other one of the channel by default.")
    ] = None,
    until: _Until = None,
    market: _Market = "match_result",
    channel: _Channel = None,
    as_json: _Json = False,
) -> None:
    """A challenger beside the champion, on matches that neither they nor any choice has seen."""
    _show(_compared(challenger, champion, folder, until, market, channel, as_json=as_json), as_json)


@app.command()
def promote(
    challenger: Annotated[str, typer.Argument(help="A version, such as 2025-06-30.")],
    folder: _Folder,
    until: _Until = None,
    market: _Market = "match_result",
    channel: _Channel = None,
    as_json: _Json = False,
) -> None:
    """Put a model in a channel, if the rule allows it on untouched matches."""
    settings = current_settings()
    name = channel or settings.channel
    store = _store(settings)
    _known(store, market, challenger)
    if challenger in _inside(store, market).get(name, []):
        raise NothingToDoError(f"{challenger} is already in {name}")
    if challenger in store.withdrawn(market).get(name, []):
        raise InvalidInputError(
            f"{challenger} was in {name} before; `models restore {challenger}` puts it back"
        )
    found = _compared(challenger, None, folder, until, market, channel, as_json=as_json)
    if found.promote:
        store.put_in_channel(market, challenger, name)
    _show(found, as_json)
    if not found.promote:
        raise typer.Exit(1)


@app.command()
def rollback(
    market: _Market = "match_result",
    channel: _Channel = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: _Json = False,
) -> None:
    """Take the newest model out of a channel; the one before it answers again."""
    settings = current_settings()
    name = channel or settings.channel
    store = _store(settings)
    channels = _inside(store, market)
    if name not in channels:
        raise InvalidInputError(f"no channel {name!r} of {market}; there are {_or(channels)}")
    versions = sorted(channels[name])
    if len(versions) < 2:
        raise NothingToDoError(f"{name} has {_or(versions)} alone; nothing would answer")
    newest, before = versions[-1], versions[-2]
    undo = f"betting-ai models restore {newest} --market {market} --channel {name}"
    if not (yes or dry_run):
        if as_json or not sys.stdin.isatty():
            raise InvalidInputError(
                f"this takes {newest} out of {name}, and {before} answers; add --yes, or look "
                "first with --dry-run"
            )
        if not typer.confirm(f"Take {newest} out of {name}, so that {before} answers?"):
            raise NothingToDoError("nothing was changed")
    if not dry_run:
        store.take_from_channel(market, newest, name)
    told = {
        "withdrawn": newest, "answers_now": before, "channel": name, "dry_run": dry_run,
        "undo": undo,
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(told))
    elif dry_run:
        typer.echo(f"{newest} would be withdrawn from {name}; {before} would answer")
    else:
        typer.echo(f"{newest} is withdrawn from {name}; {before} answers. To undo: {undo}")


@app.command()
def restore(
    version: Annotated[str, typer.Argument(help="A version that was withdrawn.")],
    market: _Market = "match_result",
    channel: _Channel = None,
    as_json: _Json = False,
) -> None:
    """Put a withdrawn model back into its channel; it was judged before, so no files are needed."""
    settings = current_settings()
    name = channel or settings.channel
    store = _store(settings)
    _known(store, market, version)
    if version in _inside(store, market).get(name, []):
        raise NothingToDoError(f"{version} is already in {name}")
    if version not in store.withdrawn(market).get(name, []):
        raise InvalidInputError(f"{version} was never in {name}; `models promote` judges it first")
    store.put_in_channel(market, version, name)
    newest = max(_inside(store, market)[name])
    told = {"restored": version, "answers_now": newest, "channel": name}
    typer.echo(json.dumps(told) if as_json else f"{version} is back in {name}; {newest} answers")


def _store(settings: Settings) -> FolderModelStore:
    """The folder of models, for what changes it or compares within it.

    Raises:
        InvalidInputError: models are taken from a bucket, so that the folder is not what answers.
    """
    from betting_ai.adapters.local.model_store import FolderModelStore

    if settings.models_bucket is not None:
        raise InvalidInputError(
            "BETTING_AI_MODELS_BUCKET is set, and this is for models in a folder; candidates of a "
            "bucket are judged by `models judge`, and docs/runbooks/rollback.md takes a model back"
        )
    return FolderModelStore(settings.models)


def _inside(store: FolderModelStore, market: str) -> dict[str, list[str]]:
    """The channels of a market that there is."""
    from betting_ai.domain.markets import betting_market
    from betting_ai.models.registry import Registry

    return Registry(store).channels(betting_market(market).name)


def _known(store: FolderModelStore, market: str, version: str) -> None:
    """Only a name from the list, so that none leads to another folder.

    Raises:
        InvalidInputError: no such market, or version of it.
    """
    from betting_ai.domain.markets import betting_market

    versions = store.versions(betting_market(market).name)
    if version not in versions:
        raise InvalidInputError(f"no version {version!r} of {market}; there are {_or(versions)}")


def _or(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _compared(
    challenger: str,
    champion: str | None,
    folder: Path,
    until: str | None,
    market: str,
    channel: str | None,
    *,
    as_json: bool,
) -> Comparison:
    from betting_ai.backtest.promotion import compare as judge
    from betting_ai.bootstrap import build
    from betting_ai.cli.evaluate_view import Bars
    from betting_ai.domain.markets import betting_market

    settings = current_settings()
    asked = betting_market(market)
    last = date.max if until is None else calendar_day(until, "--to")
    store = _store(settings)
    _known(store, market, challenger)
    if champion is not None:
        _known(store, market, champion)
    if challenger == champion:
        raise InvalidInputError(f"--with {champion} is the challenger itself; name another version")
    existing_folder(folder)
    voice = Voice(as_json=as_json)
    with build(settings) as opened, Bars(voice) as bars:
        registry = opened.registry
        if champion is None:
            others = registry.versions(market, channel or settings.channel)
            others = [version for version in others if version != challenger]
            if not others:
                raise NothingToDoError(f"{market} has no other model to compare {challenger} with")
            champion = others[-1]
        pair = registry.manifest(market, champion), registry.manifest(market, challenger)
        facts = read_seasons(opened, folder, voice, bars.read, sport=asked.sport).facts
        return judge(facts, registry, *pair, asked, last)


def _show(found: Comparison, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        verdict = "promote" if found.promote else "do not promote"
        typer.echo(f"{found.challenger} beside {found.champion}: {found.why}: {verdict}")
