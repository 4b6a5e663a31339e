"""A backtest as one self-contained page: tables, and plots drawn as vectors."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from betting_ai.backtest.backtest import Backtest

_BLUE, _GREY, _RED = "#1f6f8b", "#9aa5ad", "#b4453b"
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2529; --paper: #fbfaf7; --line: #d9d6cd; --dim: #66727a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8e6; --paper: #16191b; --line: #343a3e; --dim: #93a0a8; }
  figure { background: #f6f5f0; border-radius: 6px; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.dim { color: var(--dim); } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
div.wide { overflow-x: auto; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.big { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0; }
.big b { display: block; font-size: 1.7rem; } .big span { color: var(--dim); }
figure { margin: 1rem 0; padding: .5rem; } svg { width: 100%; height: auto; }
"""  # noqa: E501


def page(result: Backtest) -> str:
    """The whole page; it loads nothing from elsewhere."""
    n = result.numbers
    loose, picks, money = n["no_criteria"]["all"], n["picks"]["all"], n["money"]
    title = f"Backtest {n['from']} to {n['to']}"
    head = [
        (_points(loose["clv"]), "closing-line value, best three a day"),
        (_share(loose["beat_close"]), "beat the close"),
        (_percent(loose["claimed_ev"]), "claimed"),
        (_points(loose["yield"]), "yield, flat stakes"),
        (_percent(n["deflated_clv"]["clv_deflated"]), "CLV less the luck of many trials"),
    ]
    criteria = n["criteria"]
    parts = [
        f"<h1>{title}</h1>",
        '<p class="dim">Every day is played with a model that had seen nothing of it. '
        f"{n['matches']} matches, {n['priced']} with prices; {n['slates']['asked']} slates. "
        f"Models: {html.escape(', '.join(n['models']))}. {n['settings_tried']} settings were tried "
        "before these figures.</p>",
        '<div class="big">'
        + "".join(f"<div><b>{value}</b><span>{what}</span></div>" for value, what in head)
        + "</div>",
        "<h2>Closing-line value by month</h2>",
        _figure(lambda ax: _by_month(ax, result)),
        "<h2>Claimed against realised</h2>",
        _figure(lambda ax: _claims(ax, n["no_criteria"]["ev_buckets"])),
        "<h2>Confidence</h2>",
        _figure(lambda ax: _reliability(ax, n["no_criteria"]["confidence"]["bins"])),
        f"<h2>Bankroll by the criteria &ldquo;{html.escape(criteria['profile'])}&rdquo;</h2>",
        f'<p class="dim">{money["bets"]} bets, {money["moved_away"]} refused because the price '
        f"had fallen; {money['begun_with']:,.0f} became {money['ended_with']:,.2f}, largest fall "
        f"from a peak {money['drawdown']:.1%}. A season of yield says nothing: its standard error "
        "is five points or more.</p>",
        _figure(lambda ax: _bankroll(ax, result)),
        "<h2>Picks</h2>",
        _picks_table(
            {f"criteria: {criteria['profile']}": picks, "best three a day": loose}
            | {f"profile {name}": s for name, s in n["profiles"].items()}
            | {f"first of the day by {k[9:]}": s for k, s in n["ranked_by_ev"].items()}
            | {f"baseline: {name}": s for name, s in n["baselines"].items()}
        ),
        _profiles(n["profiles"]),
        *(
            f"<h2>Best three a day by {what}</h2>" + _picks_table(n["no_criteria"][f"by_{what}"])
            for what in ("season", "odds", "book", "league")
        ),
        "<h2>Probabilities</h2>",
        '<p class="dim">Differences to the average pre-match price on the same matches in 0.00001 '
        "nats, standard error in brackets; below zero is better.</p>",
        _quality_table(n["sources"]),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _figure(draw: Callable[[Axes], None]) -> str:
    """One plot as inline SVG; the same numbers give the same text."""
    with mpl.rc_context({"svg.hashsalt": "betting-ai", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(7.5, 3.0), layout="constrained")
        ax = figure.add_subplot()
        ax.spines[["top", "right"]].set_visible(False)
        draw(ax)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    return f"<figure>{drawn[drawn.index('<svg') :]}</figure>"


def _by_month(ax: Axes, result: Backtest) -> None:
    picks = result.loose.picks
    known = ~np.isnan(picks.clv)
    months = np.array([date.fromordinal(d).strftime("%Y-%m") for d in picks.day[known].tolist()])
    names = np.unique(months)
    means = np.array([100 * picks.clv[known][months == m].mean() for m in names])
    counts = np.array([(months == m).sum() for m in names])
    error = 100 * picks.clv[known].std() / np.sqrt(counts)
    ax.bar(names, means, color=np.where(means > 0, _BLUE, _RED).tolist())
    ax.errorbar(names, means, error, fmt="none", ecolor=_GREY, lw=0.8)
    ax.axhline(0, color=_GREY, lw=0.8)
    ax.set_ylabel("CLV, %")
    step = max(1, len(names) // 12)
    ax.set_xticks(names[::step], names[::step].tolist(), rotation=45, ha="right")


def _claims(ax: Axes, buckets: Sequence[Mapping[str, Any]]) -> None:
    x = [100 * b["claimed_ev"] for b in buckets]
    y = [100 * b["clv"]["mean"] for b in buckets]
    error = [196 * b["clv"]["se"] for b in buckets]
    ax.errorbar(x, y, error, fmt="o", color=_BLUE, ecolor=_GREY)
    top = max([*x, *y, 1.0])
    ax.plot([0, top], [0, top], color=_GREY, lw=0.8, ls="--")
    ax.set_xlabel("claimed EV, %")
    ax.set_ylabel("closing-line value, %")


def _reliability(ax: Axes, bins: Sequence[Mapping[str, float]]) -> None:
    x = [100 * b["stated"] for b in bins]
    ax.errorbar(
        x,
        [100 * b["beat"] for b in bins],
        [196 * b["se"] for b in bins],
        fmt="o",
        color=_BLUE,
        ecolor=_GREY,
    )
    low, high = min([*x, 40.0]), max([*x, 80.0])
    ax.plot([low, high], [low, high], color=_GREY, lw=0.8, ls="--")
    ax.set_xlabel("stated confidence")
    ax.set_ylabel("beat the close, %")


def _bankroll(ax: Axes, result: Backtest) -> None:
    days = [date.fromordinal(d) for d in result.played.bankroll_days.tolist()]
    ax.plot(np.array(days, dtype="datetime64[D]"), result.played.bankroll, color=_BLUE, lw=1.2)
    ax.axhline(result.numbers["money"]["begun_with"], color=_GREY, lw=0.8)
    ax.set_ylabel("bankroll")


def _picks_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    titles = (
        "", "picks", "days", "claimed", "CLV (SE)", "CLV/claim", "beat close", "without the book",
        "price to price", "yield (SE)", "95 %",
    )  # fmt: skip
    lines = []
    for name, s in rows.items():
        low, high = s["yield_interval"]
        cells = (
            str(s["picks"]), str(s["days"]), _percent(s["claimed_ev"]), _points(s["clv"]),
            "-" if np.isnan(s["clv_over_claimed"]) else f"{s['clv_over_claimed']:.2f}",
            _share(s["beat_close"]), _points(s["clv_without_book"]), _points(s["price_to_price"]),
            _points(s["yield"]), f"{_percent(low)} to {_percent(high)}",
        )  # fmt: skip
        lines.append((name, *cells))
    return _table(titles, lines)


def _profiles(profiles: Mapping[str, Mapping[str, Any]]) -> str:
    told = ", ".join(f"{name} {s['a_month']:g}" for name, s in profiles.items())
    return f'<p class="dim">Picks a month by profile: {html.escape(told)}.</p>'


def _quality_table(sources: Mapping[str, Mapping[str, Any]]) -> str:
    titles = (
        "", "log-loss", "RPS", "Brier", "hits", "calibration error", "to the close", "to results",
    )  # fmt: skip
    lines = [
        (
            name.replace("_", " "),
            f"{m['log_loss']:.4f}",
            f"{m['rps']:.4f}",
            f"{m['brier']:.4f}",
            f"{m['accuracy']:.1%}",
            f"{m['calibration_error']:.4f}",
            _nats(m["cross_entropy_difference"]),
            _nats(m["log_loss_difference"]),
        )
        for name, m in sources.items()
    ]
    return _table(titles, lines)


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>"
        for line in lines
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:+.1f} %"


def _points(figure: Mapping[str, float]) -> str:
    if np.isnan(figure["mean"]):
        return "-"
    return f"{_percent(figure['mean'])} ({100 * figure['se']:.1f})"


def _share(figure: Mapping[str, float]) -> str:
    return "-" if np.isnan(figure["mean"]) else f"{100 * figure['mean']:.0f} %"


def _nats(figure: Mapping[str, float]) -> str:
    return f"{1e5 * figure['mean']:+.1f} ({1e5 * figure['se']:.1f})"
