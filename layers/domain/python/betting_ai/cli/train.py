"""``train``: make a model that has seen the matches up to a day, and nothing later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from betting_ai.cli.backtest import require_training, resumable
from betting_ai.cli.context import Json, Voice, calendar_day, current_settings, existing_folder
from betting_ai.cli.season_files import read_seasons
from betting_ai.domain.markets import betting_market
from betting_ai.domain.sports import SPORTS
from betting_ai.errors import InvalidInputError


def train(
    folder: Annotated[
        Path, typer.Option("--folder", help="Season files: <season>/<division>.csv.")
    ],
    through: Annotated[str, typer.Option("--through", help="Last day it may see: 2025-06-30.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where models go; the settings' folder by default.")
    ] = None,
    market: Annotated[
        str, typer.Option("--market", help="match_result, over_under_2_5, tennis_winner, ...")
    ] = "match_result",
    promote: Annotated[
        str | None, typer.Option("--promote", help="Channel to add it to, such as stable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model on season files, check its export, and write it down (takes minutes)."""
    from betting_ai.bootstrap import build

    last = calendar_day(through, "--through")
    asked = betting_market(market)
    existing_folder(folder)
    require_training()
    voice = Voice(as_json=as_json)
    settings = current_settings()
    from betting_ai.adapters.local.model_store import FolderModelStore
    from betting_ai.cli.evaluate_view import Bars
    from betting_ai.models.manifest import MANIFEST, Manifest
    from betting_ai.training.fit import FolderFits
    from betting_ai.training.train import TrainingPlan, write_artifact
    from betting_ai.training.train import train as make

    fits = FolderFits(settings.home / "fits")
    with (
        build(settings) as app,
        resumable(fits, voice),
        Bars(voice, lines=True) as bars,
    ):
        if last >= app.clock.now().date():
            raise InvalidInputError(f"--through {last} is not over yet")
        until = SPORTS[asked.sport].season_of(last)
        contents = read_seasons(app, folder, voice, bars.read, until=until, sport=asked.sport)
        plan = TrainingPlan(last, asked)

        def step(what: str, share: float) -> None:
            bars.step(what, round(100 * share), 100)

        files = make(contents.facts, contents.payloads, plan, step, fits)
    manifest = Manifest.from_json(files[MANIFEST])
    root = out or settings.models
    target = write_artifact(files, root, manifest)
    if promote:
        FolderModelStore(root).put_in_channel(market, manifest.version, promote)
    told = {
        "version": manifest.version,
        "trained_through": manifest.trained_through.isoformat(),
        "path": str(target),
        "channel": promote,
        "bytes": sum(map(len, files.values())),
        "market_only": manifest.market_only,
        "metrics": manifest.metrics,
        "parity": manifest.parity,
    }
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        typer.echo((target / "card.md").read_text())
        typer.echo(f"Written to {target}" + (f", promoted to {promote}" if promote else ""))
