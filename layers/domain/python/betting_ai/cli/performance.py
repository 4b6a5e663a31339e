"""``performance``: closing-line value first, then profit with its interval."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.cli.history import days_between
from betting_ai.cli.outputs import check_outputs, without_nan, write_bytes, write_whole
from betting_ai.cli.top3 import criteria_of
from betting_ai.errors import NothingToDoError

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


def performance(
    since: Annotated[str | None, typer.Option("--from", help="First UK date of slates.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last UK date of slates.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="strict or value.")] = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="Write it as one page with plots here.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--png", help="Write the plots as a picture here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What the record amounts to: did the picks beat the close, and what did they gain?"""
    from betting_ai.bootstrap import build
    from betting_ai.usecases.track_record import TrackRecordCommand

    check_outputs({"--html": page, "--png": picture})
    if profile is not None:
        criteria_of(profile, None, None, None)
    command = TrackRecordCommand(*days_between(since, until), profile)
    with build(current_settings()) as app:
        record = app.track_record(command)
        if not record["picks"]:  # a database that days were lived again in has no others
            record = app.track_record(replace(command, mode="replay"))
    if not record["picks"]:
        asked = " that was asked for" if (since or until or profile) else ""
        raise NothingToDoError(f"nothing{asked} has been recommended yet; `top3-bets` does so")
    if page is not None or picture is not None:
        from betting_ai.cli.backtest import require_training

        require_training()
        from betting_ai.backtest.record_page import as_page, as_picture

        if page is not None:
            write_whole(page, as_page(record))
        if picture is not None:
            write_bytes(picture, as_picture(record))
    if as_json:
        typer.echo(json.dumps(without_nan(record), ensure_ascii=False, allow_nan=False))
    else:
        show(record)


def show(record: Mapping[str, Any]) -> None:
    """The record as people read it."""
    from rich.console import Console

    console = Console(highlight=False)
    whole = record["all"]
    console.print(
        f"[bold]{record['picks']} picks[/], {record['first_day']} to {record['last_day']}; "
        f"{whole['picks']} settled, {record['pending']} open"
        + (f", {record['replaced']} replaced by a later slate" if record["replaced"] else "")
    )
    if not whole["picks"]:
        console.print("Nothing is settled yet; `settle` does so once results are in.")
        return
    clv, beat, gain = whole["clv"], whole["beat_close"], whole["yield"]
    if clv["n"]:
        console.print(
            f"Closing-line value [bold]{clv['mean']:+.2%}[/] a pick{_between(clv['interval'])}; "
            f"claimed {whole['claimed_ev']:+.2%}; {beat['mean']:.0%} beat the close"
            + (f"; {whole['without_close']} without a close" if whole["without_close"] else "")
        )
    if record["few"]:
        console.print("Too few picks to tell skill from luck.", style="yellow")
    console.print(
        f"Profit {whole['profit']:+.2f} of {whole['staked']:.2f} staked; one unit on each: "
        f"{gain['mean']:+.1%}{_between(gain['interval'])}. Profit needs thousands of bets to say "
        "anything; closing-line value some tens."
    )
    if clv["n"]:
        line = sparkline([day["clv_so_far"] for day in record["series"]])
        console.print(f"CLV so far   {line}", style="cyan")
    console.print(f"Profit       {sparkline([d['profit_so_far'] for d in record['series']])}")
    for name, groups in record["by"].items():
        if len(groups) > 1:
            console.print(_table(name, groups))
    bins = record["confidence"]["bins"]
    if bins and not record["few"]:
        told = ", ".join(f"{b['stated']:.0%} said, {b['beat']:.0%} did" for b in bins)
        console.print(f"Confidence to beat the close: {told}", style="dim")


def sparkline(values: Sequence[float]) -> str:
    """Numbers as a line of bars, at most `_WIDTH` of them: the last of each stretch."""
    if not values:
        return ""
    step = max(1, -(-len(values) // _WIDTH))
    shown = [values[min(i + step, len(values)) - 1] for i in range(0, len(values), step)]
    low, high = min(*shown, 0.0), max(*shown, 0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in shown)


def _table(name: str, groups: Mapping[str, Mapping[str, Any]]) -> Any:  # noqa: ANN401
    from rich import box
    from rich.table import Table

    table = Table(f"by {name}", box=box.SIMPLE_HEAD)
    for title in ("picks", "CLV (SE)", "claim", "beat", "profit", "yield (SE)"):
        table.add_column(title, justify="right", no_wrap=True)
    for value, s in groups.items():
        table.add_row(
            value, str(s["picks"]), _points(s["clv"]), f"{s['claimed_ev']:+.1%}",
            f"{s['beat_close']['mean']:.0%}" if s["clv"]["n"] else "", f"{s['profit']:+.2f}",
            _points(s["yield"]),
        )  # fmt: skip
    return table


def _points(figure: Mapping[str, float]) -> str:
    if not figure["n"]:
        return ""
    if isnan(figure["se"]):  # one pick, or picks of one day
        return f"{figure['mean']:+.1%}"
    return f"{figure['mean']:+.1%} ({100 * figure['se']:.1f})"


def _between(interval: Sequence[float]) -> str:
    low, high = interval
    return "" if low != low else f" (95 %: {low:+.1%} to {high:+.1%})"  # noqa: PLR0124 - NaN
