"""Evaluations and backtests as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from betting_ai.cli.context import Voice

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


_ROUNDING: Final = 1e-12
"""Two sources that are the same by construction may differ by this much."""

_FOREVER: Final = 3_600.0
_PAUSE: Final = 10.0
"""Seconds between two lines of progress where no bar can be drawn."""


class Bars:
    """Progress on stderr: bars for people at a terminal, else nothing, or now and then a line.

    Args:
        voice: who speaks; where it is quiet no bar is drawn.
        lines: work is long, so that where no bar is drawn finished steps are told instead, at
            most one every ten seconds.
    """

    def __init__(self, voice: Voice, *, lines: bool = False) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=voice.quiet,
            # One step may take a minute: the pace is that of all steps so far.
            speed_estimate_period=_FOREVER,
        )
        self._voice = voice
        self._lines = lines and voice.quiet
        self._tasks: dict[str, Any] = {}
        self._begun: dict[str, tuple[float, float]] = {}
        self._told_at = monotonic()

    def read(self, done: int, total: int) -> None:
        """One more file was read."""
        self.show("reading season files", done, total)

    def slates(self, done: int, total: int) -> None:
        """One more day was judged."""
        self.show("slates", done, total)

    def days(self, done: int, total: int) -> None:
        """One more day was asked twice."""
        self.show("days", done, total)

    def step(self, what: str, done: float, total: float) -> None:
        """One more step of training; one bar for all of it."""
        self._show("training", what, done, total)

    def show(self, what: str, done: float, total: float) -> None:
        """How far a piece of work is."""
        self._show(what, what, done, total)

    def _show(self, work: str, what: str, done: float, total: float) -> None:
        if work not in self._tasks:
            self._tasks[work] = self._progress.add_task(what, total=total)
            self._begun[work] = monotonic(), done
        self._progress.update(self._tasks[work], description=what, completed=done, total=total)
        if self._lines:
            self._tell(work, what, done, total)

    def _tell(self, work: str, what: str, done: float, total: float) -> None:
        now = monotonic()
        start, before = self._begun[work]
        spent, gone = now - start, done - before
        since = spent if done >= total else now - self._told_at  # the end of long work is told
        if not gone or since < _PAUSE:
            return
        self._told_at = now
        left = f", about {_span(spent * (total - done) / gone)} left" if done < total else ""
        self._voice.note(f"{what}: {done / total:.0%} after {_span(spent)}{left}")

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


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def show_evaluation(numbers: Mapping[str, Any]) -> None:
    """Print an evaluation."""
    console = Console(highlight=False)
    models = ", ".join(numbers["models"])
    console.print(f"[bold]{numbers['first_match']} to {numbers['last_match']}[/], model {models}")
    console.print(
        f"{numbers['matches']} matches, {numbers['priced']} with prices before kick-off, "
        f"{numbers['compared']} compared"
    )
    for name in numbers["missed"]:
        console.print(f"  no price: {name}", style="dim")
    if numbers["in_sample_matches"]:
        console.print(
            f"In-sample: the model was trained on {numbers['in_sample_matches']} of these matches; "
            "what it says of them proves nothing.",
            style="yellow",
        )
    if numbers["tuned_on"]:
        console.print("Note: settings were chosen while looking at these days.", style="yellow")
    show_quality(console, numbers["sources"], same=numbers["ensemble_is_pool"])
    console.print(_league_table(numbers["leagues"]))
    slates = numbers["slates"]
    console.print(
        f"[bold]Slates[/]: {slates['asked']} asked, {slates['empty']} without a pick, "
        f"{rate(slates['a_month'])} picks a month with matches "
        f"({slates['criteria']['profile']}); {slates['events_begun_before']} matches had begun "
        "before their slate"
    )
    show_picks(console, numbers["picks"])
    show_timing(console, numbers["timing"])
    alarms = [
        f"Drift, model {version}: {alarm}"
        for version, found in numbers["drift"].items()
        for alarm in found["alarms"]
    ]
    for alarm in alarms:
        console.print(alarm, style="yellow")
    if alarms:
        console.print(
            "Drift says that these matches are unlike those of training, not that the answers are "
            "wrong: read the figures above, and where they are worse than before, `train` through "
            "a later day and `models promote`.",
            style="yellow",
        )


def show_backtest(numbers: Mapping[str, Any]) -> None:
    """Print a backtest: closing-line value first, then profit."""
    console = Console(highlight=False)
    console.print(
        f"[bold]Backtest {numbers['first_match']} to {numbers['last_match']}[/], "
        f"{len(numbers['models'])} models, "
        f"{numbers['priced']} of {numbers['matches']} matches priced, "
        f"{numbers['slates']['asked']} slates"
    )
    loose, asked = numbers["no_criteria"], numbers["picks"]
    rows = {"best three a day": loose["all"]}
    rows |= {f"profile {name}": s for name, s in numbers["profiles"].items()}
    rows |= {f"first by {k[9:]}": s for k, s in numbers["ranked_by_ev"].items()}
    rows |= {f"rule: {name}": s for name, s in numbers["baselines"].items()}
    print_picks(console, rows)
    print_picks(console, {f"season {k}": s for k, s in loose["by_season"].items()})
    show_picks(console, loose)
    monthly = ", ".join(f"{k} {rate(s['a_month'])}" for k, s in numbers["profiles"].items())
    money = numbers["money"]
    console.print(
        f"Picks a month with matches: {monthly}. By the criteria asked for "
        f"({numbers['criteria']['profile']}, {asked['all']['picks']} picks): {money['bets']} bets, "
        f"{money['moved_away']} refused as the price had fallen, {money['begun_with']:,.0f} became "
        f"{money['ended_with']:,.2f}, "
        f"largest fall from a peak {money['drawdown']:.1%}."
    )
    deflated = numbers["deflated_clv"]
    console.print(
        f"{numbers['settings_tried']} settings were tried; less the luck of the best of so many, "
        f"the closing-line value is {percent(deflated['clv_deflated'])}."
    )
    show_quality(console, numbers["sources"], same=numbers["ensemble_is_pool"])
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


def show_quality(
    console: Console, sources: Mapping[str, Mapping[str, Any]], *, same: bool = False
) -> None:
    """Print how good each source of probabilities was, and what of it may be luck.

    Args:
        console: where to.
        sources: measures by name.
        same: the ensemble is the pool by construction; it is shown once.
    """
    titles = {name: title for name, title in SOURCES.items() if name in sources}
    if same:
        titles.pop("pool", None)
        titles["ensemble"] = "ensemble p = pool"
    shown = {title: sources[name] for name, title in titles.items()}
    console.print(measures_table(shown))
    console.print(
        "RPS: ranked probability score. hits: the likeliest outcome won. cal. error: mean gap "
        "between stated and observed shares. Lower is better but for hits.",
        style="dim",
    )
    console.print(differences_table(shown))
    console.print(
        "Differences to the average pre-match price in 0.00001 nats of log-loss, standard error "
        "in brackets; below zero is better. to close: against the fair closing price; to results: "
        "against what happened. p: the four members pooled, calibrated on results. f: what we "
        "think the fair close will be; picks are judged by it.",
        style="dim",
    )
    if same:
        console.print(
            "p is the pool of the four as it stands: held-out seasons asked for no calibration "
            "and no weight on the market.",
            style="dim",
        )
    console.print(noise(shown))


def noise(sources: Mapping[str, Mapping[str, Any]]) -> str:
    """Which differences to the market lie within two standard errors."""
    told = []
    for words, measure in (
        ("to close", "cross_entropy_difference"),
        ("to results", "log_loss_difference"),
    ):
        others = {title: m[measure] for title, m in sources.items() if title != SOURCES["market"]}
        others = {title: d for title, d in others.items() if not isnan(d["mean"])}
        if not others:  # a sport without closes
            continue
        near = [t for t, d in others.items() if not abs(d["mean"]) > 2.0 * d["se"] + _ROUNDING]
        names = "all" if len(near) == len(others) else ", ".join(near) or "none"
        told.append(f"{words}: {names}")
    return f"Within noise (two standard errors), {'; '.join(told)}."


def measures_table(sources: Mapping[str, Mapping[str, Any]]) -> Table:
    """Measures by source."""
    table = narrow("", "log-loss", "RPS", "Brier", "hits", "cal. error")
    for title, m in sources.items():
        table.add_row(
            title,
            f"{m['log_loss']:.4f}",
            f"{m['rps']:.4f}",
            f"{m['brier']:.4f}",
            f"{m['accuracy']:.1%}",
            f"{m['calibration_error']:.4f}",
        )
    return table


def differences_table(sources: Mapping[str, Mapping[str, Any]]) -> Table:
    """Differences to the market by source."""
    table = narrow("", "to close", "to results")
    for title, m in sources.items():
        table.add_row(
            title,
            difference(m["cross_entropy_difference"]),
            difference(m["log_loss_difference"]),
        )
    return table


def narrow(*titles: str) -> Table:
    """A table for 80 columns: the first names its rows, and nothing is ever cut."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for k, title in enumerate(titles):
        table.add_column(title, justify="right" if k else "left", no_wrap=True)
    return table


def difference(figure: Mapping[str, float | None]) -> str:
    """In 0.00001 nats."""
    if figure["mean"] is None or figure["se"] is None or isnan(figure["mean"]):
        return "-"
    return f"{1e5 * figure['mean']:+.1f} ({_error(1e5 * figure['se'], 1)})"


def _league_table(leagues: Mapping[str, Mapping[str, Any]]) -> Table:
    table = narrow("league", "matches", "market log-loss", "p to results", "f to close")
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
    print_picks(console, {"all picks": everything})
    console.print(PICKS_LEGEND, style="dim")
    buckets = narrow("claimed EV", "picks", "claimed", "closing-line value")
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


PICKS_LEGEND: Final = (
    "CLV: closing-line value, the price taken against the fair closing price. claimed: mean "
    "expected value as stated. CLV/claim: 1 is honest. beat: share that beat the close. without "
    "book: CLV by the other books' close. yield: profit of one unit on each, with its 95 % "
    "interval by day. Standard errors in brackets; - where one day cannot tell."
)


def print_picks(console: Console, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Summaries of picks, one per line: what the close says, then what the results say."""
    worth = narrow("", "picks", "days", "claimed", "CLV", "CLV/claim", "beat")
    gained = narrow("", "without book", "yield", "95 %")
    for name, s in rows.items():
        low, high = s["yield_interval"]
        ratio = s["clv_over_claimed"]
        worth.add_row(
            name,
            str(s["picks"]),
            str(s["days"]),
            percent(s["claimed_ev"]),
            points(s["clv"]),
            "-" if isnan(ratio) else f"{ratio:.2f}",
            share(s["beat_close"]),
        )
        between = "-" if isnan(low) else f"{100 * low:+.0f} to {100 * high:+.0f} %"
        gained.add_row(
            name,
            points(s["clv_without_book"]),
            points(s["yield"]),
            between,
        )
    console.print(worth)
    console.print(gained)


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
    return f"{percent(figure['mean'], places)} ({_error(100 * figure['se'], places)})"


def _error(value: float, places: int) -> str:
    return "-" if isnan(value) else f"{value:.{places}f}"


def rate(a_month: float) -> str:
    """Picks a month; a dash where too few days tell."""
    return "-" if isnan(a_month) else f"{a_month:g}"


def share(figure: Mapping[str, float]) -> str:
    """An unsigned share in percent."""
    return "-" if isnan(figure["mean"]) else f"{100 * figure['mean']:.0f} %"
