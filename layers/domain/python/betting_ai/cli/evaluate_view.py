"""Evaluations and backtests as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from types import TracebackType
from typing import Any, Final, Self

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

SOURCES: Final = {
    "close": "closing price",
    "market": "average pre-match price",
    "ensemble": "ensemble p",
    "pick_price": "pick price f",
    "pool": "pool of the four",
    "pool_without_rl": "pool without RL",
    "xgboost": "XGBoost",
    "random_forest": "random forest",
    "deep_rl": "deep RL",
    "bayesian": "Bayesian",
    "elo": "Elo alone",
    "base_rates": "base rates",
}


class Bars:
    """Progress on stderr; nothing at all when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=quiet,
        )
        self._tasks: dict[str, Any] = {}
        self._training: Any = None

    def read(self, done: int, total: int) -> None:
        """One more file was read."""
        self.show("reading season files", done, total)

    def slates(self, done: int, total: int) -> None:
        """One more day was judged."""
        self.show("slates", done, total)

    def days(self, done: int, total: int) -> None:
        """One more day was asked twice."""
        self.show("days", done, total)

    def step(self, what: str, done: int, total: int) -> None:
        """One more step of training; one bar for all of it."""
        if self._training is None:
            self._training = self._progress.add_task(what, total=total)
        self._progress.update(self._training, description=what, completed=done, total=total)

    def show(self, what: str, done: float, total: float) -> None:
        """How far a piece of work is."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()


def show_evaluation(numbers: Mapping[str, Any]) -> None:
    """Print an evaluation."""
    console = Console(highlight=False)
    models = ", ".join(numbers["models"])
    console.print(f"[bold]{numbers['from']} to {numbers['to']}[/], model {models}")
    console.print(
        f"{numbers['matches']} matches, {numbers['priced']} with prices before kick-off, "
        f"{numbers['compared']} compared"
    )
    for name in numbers["missed"]:
        console.print(f"  no price: {name}", style="dim")
    if numbers["tuned_on"]:
        console.print("Note: settings were chosen while looking at these days.", style="yellow")
    console.print(quality_table(numbers["sources"]))
    console.print(
        "Differences to the average pre-match price in 0.00001 nats, standard error in brackets; "
        "below zero is better.",
        style="dim",
    )
    console.print(_league_table(numbers["leagues"]))
    slates = numbers["slates"]
    console.print(
        f"[bold]Slates[/]: {slates['asked']} asked, {slates['empty']} without a pick, "
        f"{slates['a_month']} picks a month ({slates['criteria']['profile']}); "
        f"{slates['events_begun_before']} matches had begun before their slate"
    )
    show_picks(console, numbers["picks"])
    show_timing(console, numbers["timing"])
    for version, found in numbers["drift"].items():
        for alarm in found["alarms"]:
            console.print(f"Drift, model {version}: {alarm}", style="yellow")


def show_backtest(numbers: Mapping[str, Any]) -> None:
    """Print a backtest: closing-line value first, then profit."""
    console = Console(highlight=False)
    console.print(
        f"[bold]Backtest {numbers['from']} to {numbers['to']}[/], {len(numbers['models'])} models, "
        f"{numbers['priced']} of {numbers['matches']} matches priced, "
        f"{numbers['slates']['asked']} slates"
    )
    loose, asked = numbers["no_criteria"], numbers["picks"]
    rows = {"best three a day": loose["all"]}
    rows |= {f"profile {name}": s for name, s in numbers["profiles"].items()}
    rows |= {f"first by {k[9:]}": s for k, s in numbers["ranked_by_ev"].items()}
    rows |= {f"baseline: {name}": s for name, s in numbers["baselines"].items()}
    console.print(picks_table(rows))
    console.print(picks_table({f"season {k}": s for k, s in loose["by_season"].items()}))
    show_picks(console, loose)
    monthly = ", ".join(f"{name} {s['a_month']:g}" for name, s in numbers["profiles"].items())
    money = numbers["money"]
    console.print(
        f"Picks a month: {monthly}. By the criteria asked for ({numbers['criteria']['profile']}, "
        f"{asked['all']['picks']} picks): {money['bets']} bets, {money['moved_away']} refused as "
        f"the price had fallen, {money['begun_with']:,.0f} became {money['ended_with']:,.2f}, "
        f"largest fall from a peak {money['drawdown']:.1%}."
    )
    deflated = numbers["deflated_clv"]
    console.print(
        f"{numbers['settings_tried']} settings were tried; less the luck of the best of so many, "
        f"the closing-line value is {percent(deflated['clv_deflated'])}."
    )
    console.print(quality_table(numbers["sources"]))
    show_timing(console, numbers["timing"])
    for name, bound in numbers.get("upper_bounds", {}).items():
        console.print(
            f"Upper bound, not to be had: {name}, {bound['picks']} picks, CLV "
            f"{points(bound['clv'])}, yield {points(bound['yield'])}",
            style="yellow",
        )
    for name, labels in numbers.get("labels", {}).items():
        told = ", ".join(
            f"label {label} {difference(m['cross_entropy_difference'])}"
            for label, m in labels.items()
        )
        console.print(f"{SOURCES[name]} to the close: {told}")


def quality_table(sources: Mapping[str, Mapping[str, Any]]) -> Table:
    """Measures by source."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for title in ("log-loss", "RPS", "Brier", "hits", "cal. error", "to close", "to results"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, title in SOURCES.items():
        if name in sources:
            m = sources[name]
            table.add_row(
                title,
                f"{m['log_loss']:.4f}",
                f"{m['rps']:.4f}",
                f"{m['brier']:.4f}",
                f"{m['accuracy']:.1%}",
                f"{m['calibration_error']:.4f}",
                difference(m["cross_entropy_difference"]),
                difference(m["log_loss_difference"]),
            )
    return table


def difference(figure: Mapping[str, float | None]) -> str:
    """In 0.00001 nats."""
    if figure["mean"] is None or figure["se"] is None or isnan(figure["mean"]):
        return "-"
    return f"{1e5 * figure['mean']:+.1f} ({1e5 * figure['se']:.1f})"


def _league_table(leagues: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("league")
    for title in ("matches", "market log-loss", "p to results", "f to close"):
        table.add_column(title, justify="right", no_wrap=True)
    for code, m in leagues.items():
        table.add_row(
            code,
            str(m["matches"]),
            f"{m['market_log_loss']:.4f}",
            difference(m["ensemble_log_loss_difference"]),
            difference(m["pick_price_cross_entropy_difference"]),
        )
    return table


def show_picks(console: Console, picks: Mapping[str, Any]) -> None:
    """Closing-line value first, then profit."""
    everything = picks["all"]
    if not everything["picks"]:
        console.print("No picks.")
        return
    console.print(picks_table({"all picks": everything}))
    buckets = Table(box=box.SIMPLE_HEAD)
    for title in ("claimed EV", "picks", "claimed", "closing-line value"):
        buckets.add_column(title, justify="right", no_wrap=True)
    for row in picks["ev_buckets"]:
        upper = f" to {row['to']:.0%}" if row["to"] else " and more"
        label = f"{row['from']:.0%}{upper}"
        clv = points(row["clv"])
        buckets.add_row(label, str(row["picks"]), percent(row["claimed_ev"]), clv)
    console.print(buckets)
    confidence = picks["confidence"]
    bins = ", ".join(
        f"{100 * b['stated']:.0f} -> {100 * b['beat']:.0f} %" for b in confidence["bins"]
    )
    sure = confidence["stated_65_or_more"]
    console.print(
        f"Confidence, stated -> beat the close: {bins} (calibration error "
        f"{confidence['calibration_error']:.3f}); 65 or more: {share(sure)} of {sure['n']}"
    )


def picks_table(rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """Summaries of picks, one per line."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for title in (
        "picks", "days", "claimed", "CLV", "CLV/claim", "beat close", "without book", "yield",
        "95 %",
    ):  # fmt: skip
        table.add_column(title, justify="right", no_wrap=True)
    for name, s in rows.items():
        low, high = s["yield_interval"]
        table.add_row(
            name,
            str(s["picks"]),
            str(s["days"]),
            percent(s["claimed_ev"]),
            points(s["clv"]),
            f"{s['clv_over_claimed']:.2f}",
            share(s["beat_close"]),
            points(s["clv_without_book"]),
            points(s["yield"]),
            f"{percent(low)} to {percent(high)}",
        )
    return table


def show_timing(console: Console, timing: Mapping[str, Any]) -> None:
    """What deep RL's advice was worth."""
    if not timing["candidates"]:
        return
    console.print(
        f"Deep RL's timing, closing-line value per candidate ({timing['candidates']}): advice "
        f"{percent(timing['advice']['mean'], 2)}, always now "
        f"{percent(timing['always_now']['mean'], 2)}, always wait "
        f"{percent(timing['always_wait']['mean'], 2)}; advice less always now "
        f"{points(timing['advice_minus_now'], 2)}, less always wait "
        f"{points(timing['advice_minus_wait'], 2)}"
    )


def percent(value: float | None, places: int = 1) -> str:
    """A signed share in percent."""
    return "-" if value is None or isnan(value) else f"{100 * value:+.{places}f} %"


def points(figure: Mapping[str, float], places: int = 1) -> str:
    """A signed share in percent with its standard error."""
    if isnan(figure["mean"]):
        return "-"
    return f"{percent(figure['mean'], places)} ({100 * figure['se']:.{places}f})"


def share(figure: Mapping[str, float]) -> str:
    """An unsigned share in percent."""
    return "-" if isnan(figure["mean"]) else f"{100 * figure['mean']:.0f} %"
