"""Slates and predictions as people like to read them; the numbers are those of ``--json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import Any, Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from betting_ai.domain.books import book
from betting_ai.domain.markets import Outcome, betting_market
from betting_ai.domain.slate import Candidate, NearMiss, Pick, Slate, Stamp
from betting_ai.models.frequency import Frequency
from betting_ai.usecases.words import REASONS, STAMPS, criteria_asked, no_bet_because, span, why_not

_WIDEST: Final = 100
_BAR: Final = 20

_MEMBERS: Final = {
    "xgboost": "XGBoost",
    "random_forest": "random forest",
    "deep_rl": "deep RL",
    "bayesian": "Bayesian",
}


def show_slate(slate: Slate, frequency: Frequency | None = None) -> None:
    """Print a slate; an empty one also says how often there is something."""
    console = _console()
    for part in (
        _header(slate),
        *(_card(pick, slate) for pick in slate.picks),
        *([] if slate.picks else [_no_bet(slate, frequency)]),
        *_near_misses(slate),
        _reading(slate),
    ):
        console.print(part)


def show_prediction(prediction: Mapping[str, Any]) -> None:
    """Print what `PredictEvent` found."""
    console = _console()
    kickoff = datetime.fromisoformat(prediction["kickoff"])
    as_of = datetime.fromisoformat(prediction["as_of"])
    prices = datetime.fromisoformat(prediction["prices_as_of"])
    console.print(Rule(Text(prediction["event_name"], style="bold"), align="left", style="cyan"))
    console.print(f"Kick-off {_when(kickoff)}, {span(kickoff - as_of)} from {_when(as_of)}")
    console.print(
        f"Prices {span(as_of - prices)} old; model {prediction['model']}, trained through "
        f"{prediction['trained_through']}",
        style="dim",
    )
    _show_market(console, prediction, [Outcome(name) for name in prediction["market"]])
    _show_gate(console, prediction)
    for name, other in prediction["other_markets"].items():
        market = betting_market(name)
        console.print(f"Over and under {market.line:g} goals", style="bold")
        _show_market(console, other, market.outcomes)
        _show_gate(console, other)


def _show_gate(console: Console, prediction: Mapping[str, Any]) -> None:
    """Why a market gives no picks, where it gives none."""
    if not prediction["may_give_picks"]:
        console.print(f"This market gives no picks: {prediction['gate']}.", style="dim")


def _show_market(
    console: Console, prediction: Mapping[str, Any], outcomes: Sequence[Outcome]
) -> None:
    sources = {
        "market": prediction["market"],
        **{_MEMBERS.get(n, n): p for n, p in prediction["members"].items()},
        "pooled, calibrated": prediction["ensemble"],
        "our price": prediction["pick_price"],
    }
    chances = _by_outcome("probability", outcomes)
    for name, p in sources.items():
        style = "bold" if name == "our price" else ""
        chances.add_row(name, *(_percent(p[str(o)]) for o in outcomes), style=style)
    console.print(chances)
    best = [prediction["best_prices"][str(o)] for o in outcomes]
    fair = [prediction["pick_price"][str(o)] for o in outcomes]
    worth = _by_outcome("best price", outcomes)
    for label, values in {
        "bookmaker": [book(b["bookmaker"]).name if b["bookmaker"] else "none" for b in best],
        "odds": [_number(b["odds"], ".2f") for b in best],
        "fair odds": [f"{1 / f:.2f}" for f in fair],
        "expected value": [_percent(b["expected_value"], "+") for b in best],
        "confidence": [_number(b["confidence_score"], ".0f") for b in best],
        "risk": [_number(b["risk_score"], ".2f") for b in best],
    }.items():
        worth.add_row(label, *values)
    console.print(worth)
    if prediction["upper_bound"]:
        console.print(STAMPS[Stamp.UPPER_BOUND].capitalize(), style="yellow")


def _by_outcome(title: str, outcomes: Sequence[Outcome]) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    for outcome in outcomes:
        table.add_column(str(outcome), justify="right")
    return table


def _console() -> Console:
    console = Console(highlight=False)
    console.width = min(console.width, _WIDEST)
    return console


def _header(slate: Slate) -> RenderableType:
    until = slate.as_of + timedelta(hours=slate.window_hours)
    unpriced = slate.events_considered - slate.events_priced
    model = slate.model or "none"
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    lines.add_row("Kick-offs", f"{_when(slate.as_of)} to {_when(until)}")
    lines.add_row(
        "Matches",
        f"{slate.events_considered} considered, {slate.events_priced} with prices"
        + (f", {unpriced} without" if unpriced else ""),
    )
    if slate.refused:
        told = (f"{REASONS[reason]} ({count})" for reason, count in slate.refused.items())
        lines.add_row("Left out", "; ".join(told))
    lines.add_row("Data", ", ".join(slate.data_sources) + _age(slate))
    lines.add_row("Model", f"{model}, trained through {slate.trained_through or 'no day'}")
    lines.add_row("Asked for", criteria_asked(slate.criteria.to_dict()))
    title = Rule(Text("Betting AI", style="bold"), align="left", style="cyan")
    notes = [Text(f"Note: {STAMPS[stamp]}", style="yellow") for stamp in slate.stamps]
    return Group(title, lines, *notes)


def _age(slate: Slate) -> str:
    shown = (*(p.candidate for p in slate.picks), *(m.candidate for m in slate.near_misses))
    if not shown:
        return ""
    return f"; prices up to {span(slate.as_of - min(c.prices_as_of for c in shown))} old"


def _card(pick: Pick, slate: Slate) -> RenderableType:
    c = pick.candidate
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("Match", f"{c.event_name}, {c.league}")
    facts.add_row("Event", Text(c.event_id, style="dim"))
    facts.add_row("Kick-off", f"{_when(c.kickoff)}, in {span(c.kickoff - slate.as_of)}")
    facts.add_row("Price", _price(pick))
    facts.add_row("Elsewhere", _others(pick))
    if ages := _ages(pick):
        facts.add_row("Ages", ages)
    facts.add_row("Stake", Text.assemble((f"{pick.stake}", "bold"), f" of {slate.bankroll} units"))
    facts.add_row(
        "Value",
        f"{c.ev:+.1%} on average (nine to one that it is {c.ev_lower:+.1%} or more); "
        f"the models claim {c.model_ev:+.1%}, and this is what such claims were worth",
    )
    facts.add_row("Confidence", _bar(c.confidence))
    facts.add_row("Risk", f"{c.risk:.2f} (0 is safest, 1 riskiest)")
    facts.add_row("Fair odds", f"{c.fair_odds:.2f}; the market says {1 / c.q:.2f}")
    facts.add_row("Probability", f"{c.f:.1%}; the market says {c.q:.1%}")
    facts.add_row("Models", _models(c))
    if pick.advice in _TIMING:
        facts.add_row("Timing", _TIMING[pick.advice])
    body: list[RenderableType] = [facts]
    if pick.rationale.key_reasons:
        body.append(Text("\nWhy", style="dim"))
        body.extend(_points(pick.rationale.key_reasons))
    body.extend(Text(f"Note: {STAMPS[stamp]}", style="yellow") for stamp in c.stamps)
    wins = " to win" if c.outcome in (Outcome.HOME, Outcome.AWAY) else ""
    title = Text.assemble((f" {pick.rank}  {c.selection}{wins} ", "bold"))
    return Panel(Group(*body), title=title, title_align="left", border_style="cyan", padding=(0, 1))


def _price(pick: Pick) -> Text:
    c = pick.candidate
    price = (f"{c.price}", "bold green")
    if Stamp.UPPER_BOUND in c.stamps:
        return Text.assemble(
            price, " was the highest anywhere; worth a bet from ", f"{pick.bet_until}"
        )
    where = f" at {book(c.bookmaker).name}"
    if c.quoted != c.price:
        where += f" (shown as {c.quoted}, less commission)"
    rest = f", not below {pick.bet_until}, until {_when(pick.expires_at)}"
    return Text.assemble("Take ", price, where, rest)


def _others(pick: Pick) -> str:
    """The other books' prices, best first, with their ages where these are not all the same."""
    prices = pick.rationale.value_analysis.get("prices", {})
    alike = len({quote.get("as_of") for quote in prices.values()}) <= 1
    others = [
        f"{book(code).name} {quote['odds']:.2f}"
        + ("" if alike else f" ({span(timedelta(minutes=quote['age_minutes']))} old)")
        for code, quote in prices.items()
        if code != pick.candidate.bookmaker
    ]
    seen = f" (seen {_when(pick.candidate.prices_as_of)})" if alike else ""
    return (", ".join(others) or "none") + seen


def _ages(pick: Pick) -> str:
    """How old the price and the teams' newest results were when the question was asked."""
    told = pick.rationale.value_analysis
    quote = told.get("prices", {}).get(pick.candidate.bookmaker)
    ages = {"price": quote} if quote and "age_minutes" in quote else {}
    results = told.get("newest_results", {})
    ages |= {f"last result of {team}": result for team, result in results.items()}
    return ", ".join(
        f"{what} {span(timedelta(minutes=age['age_minutes'])) if age else 'before the season'}"
        for what, age in ages.items()
    )


_TIMING: Final = {
    "bet": "bet now; waiting for kick-off is not worth more",
    "wait": "deep RL would wait for a better price before kick-off; bet now only if you cannot",
}


def _models(c: Candidate) -> str:
    shown = [f"{_MEMBERS.get(name, name)} {_percent(p)}" for name, p in c.members.items()]
    return f"{', '.join(shown)}; all four pooled, to predict the result, {_percent(c.p)}"


def _no_bet(slate: Slate, frequency: Frequency | None) -> RenderableType:
    text = f"No bet today: {no_bet_because(slate.to_dict())}."
    if frequency and slate.events_priced:
        text += f" Last backtest: {frequency}."
    return Padding(Text(text, style="bold"), (1, 0))


def _near_misses(slate: Slate) -> Iterable[RenderableType]:
    if not slate.near_misses:
        return
    yield Rule(Text("Near misses", style="bold"), align="left", style="dim")
    for miss in slate.near_misses:
        yield _near_miss(miss, slate)


def _near_miss(miss: NearMiss, slate: Slate) -> RenderableType:
    c = miss.candidate
    head = Text.assemble((c.selection, "bold"), f" at {c.price} ({book(c.bookmaker).name})")
    where = Text(f"{c.event_name}, {c.league}, {_when(c.kickoff)}, {c.event_id}", style="dim")
    why = "; ".join(why_not(miss.to_dict(), slate.criteria.to_dict()))
    return Group(head, Padding(where, (0, 0, 0, 2)), Padding(Text(why), (0, 0, 0, 2)))


def _reading(slate: Slate) -> RenderableType:
    text = (
        "How to read it: probability is what the closing price should say, and value what a unit "
        "staked at this price should gain on average. Confidence 70 means that seven of ten such "
        "prices beat the closing price. Risk grows with long odds and with models or books that "
        "disagree. Never take less than the lowest price named."
    )
    if slate.criteria.profile == "strict" and not slate.picks:
        text += " --profile value asks for less."
    return Padding(Text(text, style="dim"), (1, 0, 0, 0))


def _points(lines: Iterable[str]) -> Iterable[RenderableType]:
    for line in lines:
        point = Table.grid(padding=(0, 1))
        point.add_row("-", Text(line))
        yield point


def _bar(confidence: float) -> Text:
    """Confidence as a bar and a number; also readable without colour."""
    filled = 0 if isnan(confidence) else round(confidence / 100 * _BAR)
    return Text.assemble(
        ("|" * filled, "green"),
        ("." * (_BAR - filled), "dim"),
        f" {confidence:.0f} of 100 to beat the closing price",
    )


def _when(moment: datetime) -> str:
    """In the reader's own time zone."""
    local = moment.astimezone()
    return f"{local:%a} {local.day} {local:%b %Y %H:%M %Z}"


def _percent(p: float | None, sign: str = "") -> str:
    return "unknown" if p is None or isnan(p) else f"{p:{sign}.1%}"


def _number(value: float | None, shape: str) -> str:
    return "unknown" if value is None else f"{value:{shape}}"
