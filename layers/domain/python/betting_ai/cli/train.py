"""``train``: make a model that has seen the matches up to a day, and nothing later."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from betting_ai.cli.backtest import require_training
from betting_ai.cli.context import Json, Voice, current_settings
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

    last = _day(through)
    asked = betting_market(market)
    if not folder.is_dir():
        raise InvalidInputError(f"there is no folder {folder}")
    require_training()
    voice = Voice(as_json=as_json)
    settings = current_settings()
    with build(settings) as app, _Bars(quiet=voice.quiet) as bars:
        if last >= app.clock.now().date():
            raise InvalidInputError(f"--through {last} is not over yet")
        until = SPORTS[asked.sport].season_of(last)
        contents = app.matches_in(folder, until=until, progress=bars.read, sport=asked.sport)
        for line in contents.unusable:
            voice.warn(f"left out: {line}")

        from betting_ai.adapters.local.model_store import FolderModelStore
        from betting_ai.models.manifest import MANIFEST, Manifest
        from betting_ai.training.fit import FolderFits
        from betting_ai.training.train import TrainingPlan, write_artifact
        from betting_ai.training.train import train as make

        plan = TrainingPlan(last, asked)
        fits = FolderFits(settings.home / "fits")
        files = make(contents.facts, contents.payloads, plan, bars.trained, fits)
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


class _Bars:
    """Two progress bars on stderr: files read, steps trained."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=quiet,
        )
        self._reading = self._progress.add_task("reading season files", total=None)
        self._training = self._progress.add_task("training", total=1.0, visible=False)

    def read(self, done: int, total: int) -> None:
        """One more file was read."""
        self._progress.update(self._reading, completed=done, total=total)

    def trained(self, what: str, share: float) -> None:
        """One more step is done."""
        self._progress.update(self._training, description=what, completed=share, visible=True)

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is no day; write 2025-06-30") from None
