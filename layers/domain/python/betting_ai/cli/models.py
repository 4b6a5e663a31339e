"""``models``: which there are, how they compare, and which one answers."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from betting_ai.cli.context import Voice, current_settings
from betting_ai.errors import InvalidInputError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.backtest.promotion import Comparison

app = typer.Typer(help="Which models there are, and which one answers.", no_args_is_help=True)

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
    """Every promoted model with its held-out figures."""
    from betting_ai.bootstrap import build
    from betting_ai.domain.markets import BETTING_MARKETS

    found: list[dict[str, Any]] = []
    with build(current_settings()) as opened:
        registry = opened.registry
        for market in BETTING_MARKETS:
            channels = registry.channels(market.name)
            for version in sorted({v for promoted in channels.values() for v in promoted}):
                manifest = registry.manifest(market.name, version)
                found.append(
                    {
                        "market": market.name,
                        "version": version,
                        "channels": [name for name, its in channels.items() if version in its],
                        "trained_through": manifest.trained_through.isoformat(),
                        "gate": manifest.gate.to_dict(),
                        "pick_price": manifest.metrics["pick_price"],
                        "ensemble": manifest.metrics["ensemble"],
                    }
                )
    if as_json:
        typer.echo(json.dumps(found))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from betting_ai.cli.evaluate_view import difference

    table = Table("market", "version", "channels", "picks", box=box.SIMPLE_HEAD)
    table.add_column("f to close", justify="right")
    table.add_column("p to results", justify="right")
    for m in found:
        table.add_row(
            m["market"], m["version"], ", ".join(m["channels"]),
            "yes" if m["gate"]["open"] else "no",
            difference(m["pick_price"]["cross_entropy_difference"]),
            difference(m["ensemble"]["log_loss_difference"]),
        )  # fmt: skip
    Console(highlight=False).print(table)


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
    from betting_ai.adapters.local.model_store import FolderModelStore

    settings = current_settings()
    found = _compared(challenger, None, folder, until, market, channel, as_json=as_json)
    if found.promote:
        name = channel or settings.channel
        FolderModelStore(settings.models).put_in_channel(market, challenger, name)
    _show(found, as_json)
    if not found.promote:
        raise typer.Exit(1)


@app.command()
def rollback(
    market: _Market = "match_result", channel: _Channel = None, as_json: _Json = False
) -> None:
    """Take the newest model out of a channel; the one before it answers again."""
    from betting_ai.adapters.local.model_store import FolderModelStore
    from betting_ai.bootstrap import build

    settings = current_settings()
    name = channel or settings.channel
    with build(settings) as opened:
        versions = opened.registry.versions(market, name)
    if len(versions) < 2:
        raise NothingToDoError(f"{market}/{name} has no model before {versions[-1]}")
    FolderModelStore(settings.models).take_from_channel(market, versions[-1], name)
    told = {"withdrawn": versions[-1], "answers_now": versions[-2], "channel": name}
    typer.echo(
        json.dumps(told)
        if as_json
        else f"{versions[-1]} is withdrawn from {name}; {versions[-2]} answers"
    )


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
    if not folder.is_dir():
        raise InvalidInputError(f"there is no folder {folder}")
    try:
        last = date.max if until is None else date.fromisoformat(until)
    except ValueError as error:
        raise InvalidInputError(f"{error}; write --to 2025-06-30") from None
    with build(settings) as opened, Bars(quiet=Voice(as_json=as_json).quiet) as bars:
        registry = opened.registry
        if champion is None:
            others = registry.versions(market, channel or settings.channel)
            others = [version for version in others if version != challenger]
            if not others:
                raise NothingToDoError(f"{market} has no other model to compare {challenger} with")
            champion = others[-1]
        pair = registry.manifest(market, champion), registry.manifest(market, challenger)
        facts = opened.matches_in(folder, progress=bars.read, sport=asked.sport).facts
        return judge(facts, registry, *pair, asked, last)


def _show(found: Comparison, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        verdict = "promote" if found.promote else "do not promote"
        typer.echo(f"{found.challenger} beside {found.champion}: {found.why}: {verdict}")
