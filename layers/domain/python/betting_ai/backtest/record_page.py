"""The record as one page, and its plots as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from betting_ai.backtest.pages import (
    BLUE,
    GREY,
    document,
    figure,
    headline,
    percent,
    points,
    reliability_plot,
    share,
    table,
)


def as_page(record: Mapping[str, Any]) -> str:
    """The whole page; it loads nothing from elsewhere."""
    whole = record["all"]
    parts = [
        "<h1>The record</h1>",
        f'<p class="dim">{record["picks"]} picks, {record["first_day"]} to {record["last_day"]}; '
        f"{whole['picks']} settled, {record['pending']} open, {record['replaced']} replaced by a "
        "later slate.</p>",
        headline(
            [
                (points(whole["clv"]), "closing-line value (SE)"),
                (share(whole["beat_close"]), "beat the close"),
                (percent(whole["claimed_ev"]), "claimed"),
                (points(whole["yield"]), "yield, one unit on each (SE)"),
            ]
        ),
        '<p class="dim">Profit needs thousands of bets to say anything, closing-line value some '
        "tens.</p>",
        "<h2>Closing-line value so far</h2>",
        figure(lambda ax: _so_far(ax, record, "clv_so_far", 100, "sum of CLV, %")),
        "<h2>Profit so far</h2>",
        figure(lambda ax: _so_far(ax, record, "profit_so_far", 1, "money")),
        "<h2>Confidence</h2>",
        figure(lambda ax: reliability_plot(ax, record["confidence"]["bins"])),
        *(
            f"<h2>By {name}</h2>" + _groups(groups)
            for name, groups in record["by"].items()
            if groups
        ),
    ]
    return document("The record", parts)


def as_picture(record: Mapping[str, Any]) -> bytes:
    """The plots, as PNG."""
    drawing = Figure(figsize=(9, 9), layout="constrained")
    axes = drawing.subplots(3)
    _so_far(axes[0], record, "clv_so_far", 100, "sum of CLV, %")
    _so_far(axes[1], record, "profit_so_far", 1, "profit")
    reliability_plot(axes[2], record["confidence"]["bins"])
    out = io.BytesIO()
    drawing.savefig(out, format="png", dpi=120, metadata={"Software": None})
    return out.getvalue()


def _so_far(ax: Axes, record: Mapping[str, Any], name: str, times: float, label: str) -> None:
    days = np.array([date.fromisoformat(d["day"]) for d in record["series"]], dtype="datetime64[D]")
    ax.plot(days, [times * d[name] for d in record["series"]], color=BLUE, lw=1.2)
    ax.axhline(0, color=GREY, lw=0.8)
    ax.set_ylabel(label)


def _groups(groups: Mapping[str, Mapping[str, Any]]) -> str:
    titles = ("", "picks", "claimed", "CLV (SE)", "beat close", "profit", "yield (SE)")
    lines = [
        (
            name, str(s["picks"]), percent(s["claimed_ev"]), points(s["clv"]),
            share(s["beat_close"]), f"{s['profit']:+.2f}", points(s["yield"]),
        )
        for name, s in groups.items()
    ]  # fmt: skip
    return table(titles, lines)
