"""Pages that load nothing from elsewhere, and the plots and tables on them."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, GREY, RED = "#1f6f8b", "#9aa5ad", "#b4453b"
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


def document(title: str, parts: Sequence[str]) -> str:
    """A whole page."""
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>\n{body}\n"
        "</body></html>\n"
    )


def headline(figures: Sequence[tuple[str, str]]) -> str:
    """Some numbers in large print, each with what it is."""
    told = "".join(f"<div><b>{value}</b><span>{what}</span></div>" for value, what in figures)
    return f'<div class="big">{told}</div>'


def figure(draw: Callable[[Axes], None]) -> str:
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


def by_month(ax: Axes, months: np.ndarray, clv: np.ndarray) -> None:
    """Mean closing-line value of each month, with its standard error."""
    names = np.unique(months)
    means = np.array([100 * clv[months == m].mean() for m in names])
    counts = np.array([(months == m).sum() for m in names])
    ax.bar(names, means, color=np.where(means > 0, BLUE, RED).tolist())
    error = 100 * clv.std() / np.sqrt(counts)
    ax.errorbar(names, means, error, fmt="none", ecolor=GREY, lw=0.8)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.set_ylabel("CLV, %")
    step = max(1, len(names) // 12)
    ax.set_xticks(names[::step], names[::step].tolist(), rotation=45, ha="right")


def reliability_plot(ax: Axes, bins: Sequence[Mapping[str, float]]) -> None:
    """Stated confidence against the share that beat the close."""
    x = [100 * b["stated"] for b in bins]
    ax.errorbar(
        x,
        [100 * b["beat"] for b in bins],
        [196 * b["se"] for b in bins],
        fmt="o",
        color=BLUE,
        ecolor=GREY,
    )
    low, high = min([*x, 40.0]), max([*x, 80.0])
    ax.plot([low, high], [low, high], color=GREY, lw=0.8, ls="--")
    ax.set_xlabel("stated confidence")
    ax.set_ylabel("beat the close, %")


def table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose first column names its lines."""
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>"
        for line in lines
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def percent(value: float) -> str:
    """A fraction as ``"+1.2 %"``."""
    return "-" if np.isnan(value) else f"{100 * value:+.1f} %"


def points(figure: Mapping[str, float]) -> str:
    """A mean with its standard error, both in percent."""
    if np.isnan(figure["mean"]):
        return "-"
    error = "-" if np.isnan(figure["se"]) else f"{100 * figure['se']:.1f}"
    return f"{percent(figure['mean'])} ({error})"


def share(figure: Mapping[str, float]) -> str:
    """A share as ``"62 %"``."""
    return "-" if np.isnan(figure["mean"]) else f"{100 * figure['mean']:.0f} %"
