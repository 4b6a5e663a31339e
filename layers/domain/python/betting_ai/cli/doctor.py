"""``doctor``: is everything in order, how old is the data, and what became of every row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import typer

from betting_ai.cli.context import Json
from betting_ai.cli.operating import ask

_TITLES = {
    "rows_repaired": "kept after a repair",
    "rows_refused": "rows left out",
    "quotes_refused": "prices left out",
    "stages": "seconds it took",
}


def doctor(as_json: Json = False) -> None:
    """Look at the database, the data, the models and the settings; exits 1 if one is broken."""
    answer = ask("doctor", {}, as_json=as_json)
    if as_json:
        typer.echo(json.dumps(answer.output, ensure_ascii=False))
    else:
        _print(answer.output)
    if answer.exit_code:
        raise typer.Exit(answer.exit_code)


def _print(report: Mapping[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    grid = Table(box=box.SIMPLE_HEAD, show_header=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _lines(report):
        grid.add_row(name, escape(value))
    console.print(grid)
    for note in report["notes"]:
        console.print(f"note: {escape(note)}", style="yellow")
    for problem in report["problems"]:
        console.print(f"problem: {escape(problem)}", style="red")
    if report["ok"] and report["database"].get("rows", {}).get("events"):
        console.print("Everything is in order.", style="green")
    elif report["ok"]:
        console.print(
            "In order, but there is no data yet: `fetch` brings it from the site, `ingest` from a "
            "folder.",
            style="green",
        )


def _lines(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    settings = {name: value for name, value in report["settings"].items() if name != "database"}
    none = {
        "real_venues": "none; paper alone",
        "api_authorities": "the names of this machine",
        "api_origins": "none",
        "api_proxies": "none",
        "rpc_urls": "none",
        "wallet_assets": "all that are well known",
        "wallet_tokens": "none",
        "wallet_watched": "none",
    }
    lines = [
        (name.replace("_", " "), none.get(name, "all") if value == [] else _words(value))
        for name, value in settings.items()
    ]
    alerts = report["alerts"]
    lines.append(
        ("alerts", f"{alerts['kind']}, to {alerts['to']}" if alerts["to"] else "not set up")
    )
    database = report["database"]
    lines.append(("database", str(database.get("location", "cannot be reached"))))
    if database.get("exists"):
        state = "up to date" if database["up_to_date"] else "upgraded by the next command"
        size = f"{database['size'] / 1e6:,.0f} MB"
        lines.append(("schema", f"{database['revision'] or 'none yet'}, {state}, {size}"))
        lines.append(("rows", _counts(database["rows"])))
        lines.append(("last kick-off", _instant(database["last_kickoff"])))
        lines += [(f"source {s['source']}", _source(s)) for s in database["sources"]]
        lines.append(("files and answers", _counts(database["payloads"])))
        lines.append(("read from them", _counts(database["totals"])))
        for name, reasons in database["reasons"].items():
            lines.append((_TITLES.get(name, name.replace("_", " ")), _counts(reasons)))
        for name, error in database["refused"].items():
            lines.append((f"refused {name}", error))
        waiting = f"{database['waiting']} names that could not be matched without doubt"
        if database["doubted"]:
            waiting += f", such as {', '.join(database['doubted'])}"
        lines.append(("waiting for you", waiting))
    lines += [(f"feed {name}", _feed(feed)) for name, feed in report["feeds"].items()]
    for model in report["models"]:
        state = "in order" if model["ok"] else "broken"
        through = f"trained through {model.get('trained_through', 'an unknown day')}"
        promoted = ", ".join(model["channels"])
        gate = "gives picks" if model.get("gate", {}).get("open") else "predicts only"
        lines.append(
            (f"{model['market']} {model['version']}", f"{promoted}; {through}; {gate}; {state}")
        )
    if report["last_backtest"]:
        lines.append(("last backtest", report["last_backtest"]["told"]))
    if report["disk_free_bytes"] is not None:
        lines.append(("free disk", f"{report['disk_free_bytes'] / 1e9:,.1f} GB"))
    return lines


def _source(source: Mapping[str, Any]) -> str:
    """How old a feed's newest usable payload is, and what became of all of them."""
    told = f"{source['age']} old" if source["age"] else "nothing usable yet"
    counts = _counts({name: source[name] for name in ("stored", "unchanged", "refused")})
    return f"{told}; payloads: {counts}; refused in 24 h: {source['refused_lately']}"


def _feed(feed: Mapping[str, Any]) -> str:
    """A live feed's key, quota and health."""
    told = [{True: "on", False: "off, no key", None: "asked from elsewhere"}[feed["on"]]]
    if feed["remaining"] is not None:
        told.append(f"{feed['remaining']:,} credits left, as told {feed['told_at']}")
    if feed["spent_this_month"]:
        told.append(
            f"spent {feed['spent_today']:,} today and {feed['spent_this_month']:,} this month"
        )
    if feed["succeeded_at"]:
        told.append(f"last answered {feed['succeeded_at']}")
    if feed["error"]:
        told.append(f"failed {max(feed['failures'], 1)} times in a row, last {feed['failed_at']}")
    if feed["paused_until"]:
        told.append(f"left alone until {feed['paused_until']}")
    return "; ".join(told)


def _counts(counts: Mapping[str, float]) -> str:
    shown = {name: int(n) if n == int(n) else round(n, 1) for name, n in counts.items()}
    told = [f"{name.replace('_', ' ')}: {count:,}" for name, count in shown.items()]
    return ", ".join(told) or "none"


def _words(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)


def _instant(text: str | None) -> str:
    return "none" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M %Z}"
