"""Is everything in order, how old is the data, and what became of every row."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from betting_ai.bootstrap import App
from betting_ai.domain.markets import BETTING_MARKETS, MATCH_RESULT
from betting_ai.errors import DomainError
from betting_ai.operator.answers import Answer, NoArguments, ready
from betting_ai.usecases.aged import aged
from betting_ai.usecases.words import span

_LITTLE_SPACE: Final = 1_000_000_000  # bytes; a season with all its prices takes a tenth of that


def doctor(app: App, asked: NoArguments) -> Answer:
    """Look at the database, the data, the models and the settings; changes nothing."""
    report = _examine(app)
    return Answer(ready(report), exit_code=1 if report["problems"] else 0)


def _examine(app: App) -> dict[str, Any]:
    problems: list[str] = []
    database = _database(app, problems)
    models = _models(app, problems)
    feeds = _feeds(app, problems)
    free = _free(app, problems)
    alerts = _alerts(app, problems)
    frequency = _frequency(app, problems)
    return {
        "ok": not problems,
        "problems": list(dict.fromkeys(problems)),
        "notes": [*_notes(app, database), *_feed_notes(feeds)],
        "settings": _settings(app),
        "alerts": alerts,
        "feeds": feeds,
        "database": database,
        "models": models,
        "last_backtest": frequency,
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


def _feeds(app: App, problems: list[str]) -> dict[str, Any]:
    """The live feeds as they were left; those without a key are only said to be off.

    Where others fetch, the keys are theirs alone: ``on`` is None.
    """
    fetches = app.settings.notes_table is None or app.settings.feed_secrets_id is not None
    try:
        states, on = app.feed_states(), app.live_feeds
    except DomainError as error:
        problems.append(str(error))
        return {}
    return {
        name: {"on": name in on or (False if fetches else None)} | asdict(state)
        for name, state in states.items()
    }


def _feed_notes(feeds: Mapping[str, Any]) -> list[str]:
    """Live feeds that are on and do not answer."""
    return [
        f"{name} failed {max(feed['failures'], 1)} times in a row: {feed['error']}"
        for name, feed in feeds.items()
        if feed["on"] is not False and feed["error"]
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


def _free(app: App, problems: list[str]) -> int | None:
    """Bytes that are free where the home is; None where all that lasts is kept elsewhere."""
    settings = app.settings
    if settings.database_url and settings.objects_bucket and settings.notes_table:
        return None
    existing = (p for p in (settings.home, *settings.home.absolute().parents) if p.exists())
    free = shutil.disk_usage(next(existing)).free
    if free < _LITTLE_SPACE:
        problems.append(f"only {free / 1e9:.1f} GB are free where {settings.home} is")
    return free
