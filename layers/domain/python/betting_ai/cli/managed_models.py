"""``models publish|retrain|judge``: the models of an environment of AWS.

`retrain` and `judge` are two steps on two machines with two roles: who trains may only put down
candidates, and who judges has nothing to train with.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from betting_ai.cli.context import Json, Voice, calendar_day, current_settings
from betting_ai.errors import InvalidInputError, ModelError, NothingToDoError

if TYPE_CHECKING:
    from betting_ai.adapters.aws.model_shelf import S3ModelShelf
    from betting_ai.backtest.promotion import Comparison
    from betting_ai.bootstrap import App
    from betting_ai.ports.inbox import Inbox
    from betting_ai.settings import Settings

HELD_OUT: Final = timedelta(days=42)
"""A candidate is trained through so many days before now: what came since is what judges it."""

MARKETS: Final = ("match_result", "over_under_2_5")
"""What season files of football train."""

_SOURCE: Final = "football_data"
_Through = Annotated[
    str | None, typer.Option("--through", help="Last day it may see; six weeks ago by default.")
]
_Markets = Annotated[
    list[str] | None,
    typer.Option("--market", help="match_result, over_under_2_5; both by default."),
]


def publish(as_json: Json = False) -> None:
    """Put this checkout's promoted models into BETTING_AI_MODELS_BUCKET, channels last."""
    from betting_ai.adapters.aws.model_shelf import read_folder
    from betting_ai.adapters.local.model_store import FolderModelStore
    from betting_ai.models.frequency import BACKTEST
    from betting_ai.models.registry import CHANNELS, Registry

    settings = current_settings()
    shelf, store = _shelf(settings), FolderModelStore(settings.models)
    listed: dict[str, dict[str, list[str]]] = json.loads(store.read(CHANNELS))
    published = []
    there = shelf.channels()
    for market, channels in listed.items():
        registry = Registry(store)
        for version in sorted({v for versions in channels.values() for v in versions}):
            manifest = registry.manifest(market, version)
            for name in manifest.files:  # what does not fit its manifest goes nowhere
                registry.file(manifest, name)
            shelf.put(market, version, read_folder(settings.models / market / version))
            published.append(f"{market}/{version}")
    for market, channels in listed.items():
        for channel, versions in channels.items():
            for version in versions:
                if version not in there.get(market, {}).get(channel, []):
                    shelf.put_in_channel(market, version, channel)
    if (settings.models / BACKTEST).is_file():
        shelf.objects.write(BACKTEST, store.read(BACKTEST), kind="application/json")
    told = {"published": published, "bucket": shelf.objects.bucket}
    text = f"{len(published)} models are in {shelf.objects.bucket}: {', '.join(published)}"
    typer.echo(json.dumps(told) if as_json else text)


def retrain(through: _Through = None, market: _Markets = None, as_json: Json = False) -> None:
    """Train candidates on the season files in BETTING_AI_OBJECTS_BUCKET (takes minutes)."""
    from betting_ai.bootstrap import build
    from betting_ai.cli.backtest import require_training

    markets = tuple(dict.fromkeys(market or MARKETS))
    if unknown := [one for one in markets if one not in MARKETS]:
        raise InvalidInputError(
            f"--market {unknown[0]}: season files of football train {' and '.join(MARKETS)}"
        )
    last = None if through is None else calendar_day(through, "--through")
    require_training()
    settings, voice = current_settings(), Voice(as_json=as_json)
    shelf = _shelf(settings)
    with build(settings) as app, tempfile.TemporaryDirectory() as scratch:
        today = app.clock.now().date()
        last = today - HELD_OUT if last is None else last
        if last >= today:
            raise InvalidInputError(f"--through {last} is not over yet")
        folder = Path(scratch)
        files = write_seasons(app.inbox, folder)
        voice.note(f"{len(files)} season files; training through {last}")
        provenance = {"seasons": files, "record": _record(app)}
        made = [_train(app, shelf, folder, last, one, provenance, voice) for one in markets]
    typer.echo(json.dumps({"candidates": made}) if as_json else f"Candidates: {', '.join(made)}")


def judge(as_json: Json = False) -> None:
    """Judge the newest candidate of each market on untouched matches; promote it if it may be."""
    from betting_ai.bootstrap import build

    settings, voice = current_settings(), Voice(as_json=as_json)
    shelf = _shelf(settings)
    waiting = _waiting(shelf, settings.channel)
    with build(settings) as app, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_seasons(app.inbox, folder / "seasons")
        verdicts = [
            _judge(app, shelf, folder, market, version, voice)
            for market, version in sorted(waiting.items())
        ]
    if as_json:
        typer.echo(json.dumps({"verdicts": verdicts}))
    else:
        for one in verdicts:
            verdict = "promoted" if one["promote"] else "not promoted"
            typer.echo(f"{one['market']}/{one['challenger']}: {verdict}: {one['why']}")
    if any(one.get("code", NothingToDoError.code) != NothingToDoError.code for one in verdicts):
        raise typer.Exit(1)  # a candidate is broken: whoever trains is to look at it


def _waiting(shelf: S3ModelShelf, channel: str) -> dict[str, str]:
    """By market, the newest candidate that is newer than every model in the channel.

    Raises:
        NothingToDoError: there is none.
    """
    newest, inside = dict(shelf.candidates()), shelf.channels()  # the last of a market counts
    if not newest:
        raise NothingToDoError(
            f"no candidate is in s3://{shelf.objects.bucket}; `models retrain` puts them there"
        )
    found = {
        market: version
        for market, version in newest.items()
        if version > max(inside.get(market, {}).get(channel, []), default="")
    }
    if not found:
        raise NothingToDoError(
            f"no candidate is newer than what is in {channel}; `models retrain` makes one"
        )
    return found


def write_seasons(inbox: Inbox, folder: Path) -> dict[str, str]:
    """The newest content of every season file, as a folder that commands read.

    Returns:
        The SHA-256 of each, by name.

    Raises:
        NothingToDoError: no season file was ever announced.
    """
    from betting_ai.ports.feeds import Payload, PayloadKind

    newest: dict[str, Payload] = {}
    for name in inbox.names(PayloadKind.SEASON, _SOURCE):
        payload = inbox.payload(name)
        known = newest.get(payload.name)
        if known is None or payload.received_at > known.received_at:
            newest[payload.name] = payload
    if not newest:
        raise NothingToDoError("no season file is in the bucket; `fetch_feeds` brings them")
    for name, payload in newest.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InvalidInputError(f"{name!r} is no name of a season file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload.content)
    return {name: payload.sha256 for name, payload in sorted(newest.items())}


def _train(
    app: App,
    shelf: S3ModelShelf,
    folder: Path,
    last: date,
    market: str,
    provenance: dict[str, Any],
    voice: Voice,
) -> str:
    from betting_ai.adapters.aws.model_shelf import CANDIDATES
    from betting_ai.cli.evaluate_view import Bars
    from betting_ai.cli.season_files import read_seasons
    from betting_ai.domain.markets import betting_market
    from betting_ai.domain.sports import SPORTS
    from betting_ai.models.manifest import MANIFEST, Manifest
    from betting_ai.training.fit import FolderFits
    from betting_ai.training.train import TrainingPlan
    from betting_ai.training.train import train as make

    asked = betting_market(market)
    with Bars(voice, lines=True) as bars:
        until = SPORTS[asked.sport].season_of(last)
        contents = read_seasons(app, folder, voice, bars.read, until=until, sport=asked.sport)
        files = make(
            contents.facts,
            contents.payloads,
            TrainingPlan(last, asked),
            lambda what, share: bars.step(what, round(100 * share), 100),
            FolderFits(app.settings.home / "fits"),
        )
    manifest = Manifest.from_json(files[MANIFEST])
    told = json.dumps(provenance, indent=1, sort_keys=True).encode()
    shelf.put(market, manifest.version, files | {"provenance.json": told}, CANDIDATES)
    return f"{market}/{manifest.version}"


def _judge(
    app: App, shelf: S3ModelShelf, folder: Path, market: str, version: str, voice: Voice
) -> dict[str, Any]:
    """What becomes of a candidate; one that cannot be judged is not promoted, and has a code."""
    told = {"market": market}
    try:
        candidate, found = _compared(app, shelf, folder, market, version, voice)
    except (InvalidInputError, ModelError, NothingToDoError) as error:
        why = {"promote": False, "why": str(error), "code": error.code}
        return told | {"challenger": version} | why
    _tell(app, found)  # first: what is in the channel is not judged again
    if found.promote:
        shelf.put(market, version, candidate)
        shelf.put_in_channel(market, version, app.settings.channel)
    return told | found.to_dict()


def _compared(
    app: App, shelf: S3ModelShelf, folder: Path, market: str, version: str, voice: Voice
) -> tuple[dict[str, bytes], Comparison]:
    """A candidate's files, and how it does beside the newest model of the channel.

    Raises:
        InvalidInputError: there is no such market.
        ModelError: one of the two is not whole, or not what its manifest says.
        NothingToDoError: there is no other, or there are too few matches to judge them by.
    """
    from betting_ai.adapters.aws.model_shelf import CANDIDATES
    from betting_ai.adapters.local.model_store import FolderModelStore
    from betting_ai.backtest.promotion import compare
    from betting_ai.cli.evaluate_view import Bars
    from betting_ai.cli.season_files import read_seasons
    from betting_ai.domain.markets import betting_market
    from betting_ai.models.registry import Registry

    channel, models, asked = app.settings.channel, folder / "models", betting_market(market)
    inside = shelf.channels().get(market, {}).get(channel, [])
    if not inside:
        raise NothingToDoError(
            f"{channel} has no model of it to compare with; `models publish` puts the first there"
        )
    champion = max(inside)
    candidate = shelf.files(market, version, CANDIDATES)
    for name, files in ((version, candidate), (champion, shelf.files(market, champion))):
        (models / market / name).mkdir(parents=True)
        for file, content in files.items():
            (models / market / name / file).write_bytes(content)
    registry = Registry(FolderModelStore(models))
    pair = registry.manifest(market, champion), registry.manifest(market, version)
    for manifest in pair:
        for name in manifest.files:  # each is the one that is named, those of no use here as well
            registry.file(manifest, name)
    with Bars(voice) as bars:
        facts = read_seasons(app, folder / "seasons", voice, bars.read, sport=asked.sport).facts
    return candidate, compare(facts, registry, *pair, asked, date.max, channel)


def _tell(app: App, found: Comparison) -> None:
    """Let the figures reach the database as every payload does."""
    from betting_ai.ports.feeds import Payload, PayloadKind
    from betting_ai.usecases.model_figures import as_document

    content, version = as_document(found.figures), found.figures[0].model_version
    name = f"{version}.json"
    payload = Payload("retraining", name, PayloadKind.FIGURES, content, app.clock.now())
    app.raw.put(content)
    app.inbox.announce(payload)


def _record(app: App) -> dict[str, Any] | None:
    """What the exported record said when this was trained: how much, and its last links."""
    content = app.objects.read("record/record.json")
    if content is None:
        return None
    chains: dict[str, Sequence[dict[str, Any]]] = json.loads(content)
    return {
        name: {"entries": len(entries), "last": entries[-1]["hash"] if entries else None}
        for name, entries in chains.items()
    }


def _shelf(settings: Settings) -> S3ModelShelf:
    if settings.models_bucket is None:
        raise InvalidInputError(
            "set BETTING_AI_MODELS_BUCKET to the environment's bucket of models"
        )
    from betting_ai.adapters.aws.model_shelf import S3ModelShelf
    from betting_ai.adapters.aws.object_store import S3Objects

    return S3ModelShelf(S3Objects(settings.models_bucket))
