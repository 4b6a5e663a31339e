"""``doctor``: is everything in order, how old is the data, and what became of every row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from betting_ai.cli.context import Json, current_settings
from betting_ai.domain.markets import BETTING_MARKETS, MATCH_RESULT
from betting_ai.errors import DomainError
from betting_ai.usecases.aged import aged
from betting_ai.usecases.words import span

if TYPE_CHECKING:
    from betting_ai.bootstrap import App

_TITLES = {
    "rows_repaired": "kept after a repair",
    "rows_refused": "rows left out",
    "quotes_refused": "prices left out",
    "stages": "seconds it took",
}
_LITTLE_SPACE = 1_000_000_000  # bytes; a season with all its prices takes a tenth of that


def doctor(as_json: Json = False) -> None:
    """Look at the database, the data, the models and the settings; exits 1 if one is broken."""
    from betting_ai.bootstrap import build

    with build(current_settings()) as app:
        report = _examine(app)
    if as_json:
        typer.echo(json.dumps(report, default=str, ensure_ascii=False))
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(1)


def _examine(app: App) -> dict[str, Any]:
    problems: list[str] = []
    database = _database(app, problems)
    models = _models(app, problems)
    feeds = _feeds(app)
    free = shutil.disk_usage(_existing(app.settings.home)).free
    if free < _LITTLE_SPACE:
        problems.append(f"only {free / 1e9:.1f} GB are free where {app.settings.home} is")
    return {
        "ok": not problems,
        "problems": problems,
        "notes": [*_notes(app, database), *_feed_notes(feeds)],
        "settings": _settings(app),
        "alerts": _alerts(app, problems),
        "feeds": feeds,
        "database": database,
        "models": models,
        "last_backtest": _frequency(app, problems),
        "disk_free_bytes": free,
    }


def _notes(app: App, database: Mapping[str, Any]) -> list[str]:
    """What is not broken, but good to know."""
    now, trained = app.clock.now(), {}
    for market in BETTING_MARKETS:
        try:
            manifest, _ = app.registry.choose(market.name, app.settings.channel, now)
        except DomainError:
            continue  # told where the models are
        trained[f"{market.name} {manifest.version}"] = manifest.trained_through
    return list(aged(trained, database.get("last_kickoff"), now))


def _database(app: App, problems: list[str]) -> dict[str, Any]:
    try:
        where, health = app.examine_database()
    except DomainError as error:
        problems.append(str(error))
        return {"reached": False}
    if health is None:
        return {"location": where, "exists": False}
    now = app.clock.now()
    found = asdict(health)
    for source in found["sources"]:
        came = source["received_at"]
        age = None if came is None else round((now - came).total_seconds() / 3600, 1)
        source["age_hours"] = age
        source["age"] = None if came is None else span(now - came)
    return {"location": where, "exists": True, **found}


def _feeds(app: App) -> dict[str, Any]:
    """The live feeds as they were left; those without a key are only said to be off."""
    states = app.feed_states()
    return {name: {"on": name in app.live_feeds} | asdict(s) for name, s in states.items()}


def _feed_notes(feeds: Mapping[str, Any]) -> list[str]:
    """Live feeds that are on and do not answer."""
    return [
        f"{name} failed {max(feed['failures'], 1)} times in a row: {feed['error']}"
        for name, feed in feeds.items()
        if feed["on"] and feed["error"]
    ]


def _models(app: App, problems: list[str]) -> list[dict[str, Any]]:
    found = []
    for market in BETTING_MARKETS:
        try:
            channels = app.registry.channels(market.name)
            if market is MATCH_RESULT:
                app.registry.versions(market.name, app.settings.channel)
        except DomainError as error:
            problems.append(str(error))
            return []
        versions = sorted({version for promoted in channels.values() for version in promoted})
        found += [_model(app, market.name, version, channels, problems) for version in versions]
    return found


def _model(
    app: App, market: str, version: str, channels: Mapping[str, list[str]], problems: list[str]
) -> dict[str, Any]:
    """One model: its manifest fits this version, and every file is the one it names."""
    told: dict[str, Any] = {
        "market": market,
        "version": version,
        "channels": [name for name, promoted in channels.items() if version in promoted],
    }
    try:
        manifest = app.registry.manifest(market, version)
        told |= {
            "trained_through": manifest.trained_through,
            "tuned_through": manifest.tuned_through,
            "spec_hash": manifest.spec.hash,
            "gate": manifest.gate.to_dict(),
        }
        for name in manifest.files:
            app.registry.file(manifest, name)
        app.registry.load(manifest)
    except DomainError as error:
        problems.append(str(error))
        return told | {"ok": False, "problem": str(error)}
    return told | {"ok": True, "files": len(manifest.files)}


def _frequency(app: App, problems: list[str]) -> dict[str, Any] | None:
    try:
        frequency = app.frequency
    except DomainError as error:
        problems.append(str(error))
        return None
    return None if frequency is None else asdict(frequency) | {"told": str(frequency)}


def _settings(app: App) -> dict[str, Any]:
    """As they are in effect; an address with a password and a key are only said to be there."""
    settings = app.settings
    database = "DATABASE_URL" if settings.database_url else "embedded"
    elsewhere = {"database_url"} | {
        name for name in type(settings).model_fields if name.startswith(("alerts", "smtp_"))
    }
    keys = {
        name for name in type(settings).model_fields if name.endswith(("_key", "_secret", "_dsn"))
    }
    shown = settings.model_dump(mode="json", exclude=elsewhere | keys)
    told = {name: "set" if getattr(settings, name) else "not set" for name in sorted(keys)}
    return shown | told | {"database": database}


def _alerts(app: App, problems: list[str]) -> dict[str, Any]:
    """How people are told of a slate; whether a message arrives, only ``alerts test`` can tell."""
    kind = app.settings.alerts
    if kind == "none":
        return {"kind": kind, "to": None}
    try:
        return {"kind": kind, "to": app.notifier.name}
    except DomainError as error:
        problems.append(str(error))
        return {"kind": kind, "to": None}


def _existing(path: Path) -> Path:
    return next(p for p in (path, *path.absolute().parents) if p.exists())


def _print(report: Mapping[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    grid = Table(box=box.SIMPLE_HEAD, show_header=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _lines(report):
        grid.add_row(name, value)
    console.print(grid)
    for note in report["notes"]:
        console.print(f"note: {note}", style="yellow")
    for problem in report["problems"]:
        console.print(f"problem: {problem}", style="red")
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
        lines.append(("last kick-off", _words(database["last_kickoff"])))
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
    lines.append(("free disk", f"{report['disk_free_bytes'] / 1e9:,.1f} GB"))
    return lines


def _source(source: Mapping[str, Any]) -> str:
    """How old a feed's newest usable payload is, and what became of all of them."""
    told = f"{source['age']} old" if source["age"] else "nothing usable yet"
    counts = _counts({name: source[name] for name in ("stored", "unchanged", "refused")})
    return f"{told}; payloads: {counts}; refused in 24 h: {source['refused_lately']}"


def _feed(feed: Mapping[str, Any]) -> str:
    """A live feed's key, quota and health."""
    told = ["on" if feed["on"] else "off, no key"]
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
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M %Z}"
    return "none" if value is None else str(value)
