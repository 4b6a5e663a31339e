"""A backtest as one self-contained page: tables, and plots drawn as vectors."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from betting_ai.backtest.backtest import Backtest
from betting_ai.backtest.pages import (
    BLUE,
    GREY,
    by_month,
    document,
    figure,
    headline,
    percent,
    points,
    reliability_plot,
    share,
    table,
)


def page(result: Backtest) -> str:
    """The whole page; it loads nothing from elsewhere."""
    n = result.numbers
    loose, picks, money = n["no_criteria"]["all"], n["picks"]["all"], n["money"]
    title = f"Backtest {n['first_match']} to {n['last_match']}"
    head = [
        (points(loose["clv"]), "closing-line value, best three a day"),
        (share(loose["beat_close"]), "beat the close"),
        (percent(loose["claimed_ev"]), "claimed"),
        (points(loose["yield"]), "yield, flat stakes"),
        (percent(n["deflated_clv"]["clv_deflated"]), "CLV less the luck of many trials"),
    ]
    criteria = n["criteria"]
    parts = [
        f"<h1>{title}</h1>",
        '<p class="dim">Every day is played with a model that had seen nothing of it. '
        f"{n['matches']} matches, {n['priced']} with prices; {n['slates']['asked']} slates. "
        f"Models: {html.escape(', '.join(n['models']))}. {n['settings_tried']} settings were tried "
        "before these figures.</p>",
        headline(head),
        "<h2>Closing-line value by month</h2>",
        figure(lambda ax: _by_month(ax, result)),
        "<h2>Claimed against realised</h2>",
        figure(lambda ax: _claims(ax, n["no_criteria"]["ev_buckets"])),
        "<h2>Confidence</h2>",
        figure(lambda ax: reliability_plot(ax, n["no_criteria"]["confidence"]["bins"])),
        f"<h2>Bankroll by the criteria &ldquo;{html.escape(criteria['profile'])}&rdquo;</h2>",
        f'<p class="dim">{money["bets"]} bets, {money["moved_away"]} refused because the price '
        f"had fallen; {money['begun_with']:,.0f} became {money['ended_with']:,.2f}, largest fall "
        f"from a peak {money['drawdown']:.1%}. A season of yield says nothing: its standard error "
        "is five points or more.</p>",
        figure(lambda ax: _bankroll(ax, result)),
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
    return document(title, parts)


def _by_month(ax: Axes, result: Backtest) -> None:
    picks = result.loose.picks
    known = ~np.isnan(picks.clv)
    months = np.array([date.fromordinal(d).strftime("%Y-%m") for d in picks.day[known].tolist()])
    by_month(ax, months, picks.clv[known])


def _claims(ax: Axes, buckets: Sequence[Mapping[str, Any]]) -> None:
    x = [100 * b["claimed_ev"] for b in buckets]
    y = [100 * b["clv"]["mean"] for b in buckets]
    error = [196 * b["clv"]["se"] for b in buckets]
    ax.errorbar(x, y, error, fmt="o", color=BLUE, ecolor=GREY)
    top = max([*x, *y, 1.0])
    ax.plot([0, top], [0, top], color=GREY, lw=0.8, ls="--")
    ax.set_xlabel("claimed EV, %")
    ax.set_ylabel("closing-line value, %")


def _bankroll(ax: Axes, result: Backtest) -> None:
    days = [date.fromordinal(d) for d in result.played.bankroll_days.tolist()]
    ax.plot(np.array(days, dtype="datetime64[D]"), result.played.bankroll, color=BLUE, lw=1.2)
    ax.axhline(result.numbers["money"]["begun_with"], color=GREY, lw=0.8)
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
            str(s["picks"]), str(s["days"]), percent(s["claimed_ev"]), points(s["clv"]),
            "-" if np.isnan(s["clv_over_claimed"]) else f"{s['clv_over_claimed']:.2f}",
            share(s["beat_close"]), points(s["clv_without_book"]), points(s["price_to_price"]),
            points(s["yield"]), f"{percent(low)} to {percent(high)}",
        )  # fmt: skip
        lines.append((name, *cells))
    return table(titles, lines)


def _profiles(profiles: Mapping[str, Mapping[str, Any]]) -> str:
    told = ", ".join(
        f"{name} {'-' if np.isnan(s['a_month']) else format(s['a_month'], 'g')}"
        for name, s in profiles.items()
    )
    return f'<p class="dim">Picks a month with matches, by profile: {html.escape(told)}.</p>'


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
    return table(titles, lines)


def _nats(figure: Mapping[str, float]) -> str:
    error = "-" if np.isnan(figure["se"]) else f"{1e5 * figure['se']:.1f}"
    return f"{1e5 * figure['mean']:+.1f} ({error})"
