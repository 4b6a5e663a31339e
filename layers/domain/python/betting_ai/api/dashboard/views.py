"""What pages show, made of what `Reading` answers; pure functions, without a request in sight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from betting_ai.api.dashboard import words
from betting_ai.api.dashboard.figures import Scale
from betting_ai.domain.chains import Chain, find_asset, find_chain
from betting_ai.domain.slate import Stamp, rfc3339
from betting_ai.models.frequency import Frequency
from betting_ai.ports.repositories import TransferReceipt
from betting_ai.usecases.track_record import FEW
from betting_ai.usecases.words import REASONS, criteria_asked, no_bet_because, why_not

if TYPE_CHECKING:  # few have a wallet
    from betting_ai.ports.chain import Balances
    from betting_ai.usecases.carry_transfers import Wallet
    from betting_ai.usecases.request_transfer import TransferTold

View = dict[str, Any]

_AGAINST: Final = "Against it: "
_EV_SCALE: Final = 0.10
_TAKEABLE: Final = "named"
_GROUPS_SHOWN: Final = 6


def slate_view(body: Mapping[str, Any], now: datetime, frequency: Frequency | None = None) -> View:
    """The page of a day.

    Args:
        body: of `Reading.slate`.
        now: the present.
        frequency: of the last backtest; told on an empty day.
    """
    picks = [_pick(pick, body, now) for pick in body["picks"]]
    ends = words.instant(body["as_of"]) + timedelta(hours=body["window_hours"])
    staked = sum(pick["recommended_stake"] for pick in body["picks"])
    gain = sum(p["recommended_stake"] * (p["expected_value"] or 0.0) for p in body["picks"])
    return {
        "day": words.long_day(body["as_of"]),
        "as_of": body["as_of"],
        "picks": picks,
        "begun": bool(picks) and all(pick["over"] for pick in picks),
        "some_begun": any(pick["over"] for pick in picks),
        "ended": ends <= now,
        "live": body["mode"] == "live",
        "stamps": [words.stamp(code) for code in body["stamps"]],
        "staked": staked,
        "staked_share": staked / body["bankroll"],
        "gain": gain,
        "no_bet": words.sentence(no_bet_because(body)),
        "frequency": _frequency(frequency, body),
        "near": [_miss(miss, body, now) for miss in body["near_misses"]],
        "looked_at": _looked_at(body, ends),
        "considered": body["events_considered"],
    }


def _frequency(frequency: Frequency | None, body: Mapping[str, Any]) -> str | None:
    if frequency is None or not body["events_priced"]:
        return None
    told = " and ".join(f"{name} {number:g}" for name, number in frequency.a_month.items())
    return (
        f"Picks a month in the last backtest, {frequency.first:%Y} to {frequency.last:%Y}: {told}."
    )


def _pick(pick: Mapping[str, Any], body: Mapping[str, Any], now: datetime) -> View:
    rationale = pick["rationale"]
    reasons = list(rationale["key_reasons"])
    analysis = rationale["value_analysis"]
    advice, advice_why = words.ADVICE.get(pick["advice"], (pick["advice"], ""))
    expired = words.instant(pick["expires_at"]) <= now
    begun = words.instant(pick["kickoff"]) <= now
    return _candidate(pick, body) | {
        "rank": pick["rank"],
        "stake": pick["recommended_stake"],
        "share": pick["recommended_stake"] / body["bankroll"],
        "bet_until": pick["bet_until_odds"],
        "expires_at": pick["expires_at"],
        "advice": advice,
        "advice_code": pick["advice"],
        "advice_why": advice_why,
        "begun": begun,
        "expired": expired,
        "over": begun or expired,
        "summary": rationale["summary"],
        "reasons": [text for text in reasons if not text.startswith(_AGAINST)],
        "doubts": [
            text.removeprefix(_AGAINST)[:1].upper() + text.removeprefix(_AGAINST)[1:]
            for text in reasons
            if text.startswith(_AGAINST)
        ],
        "figure": _opinions(pick),
        "prices": _prices(analysis.get("prices", {}), pick["bookmaker"]),
        "cancels": [words.sentence(_readable(text)) for text in analysis.get("cancels", ())],
        "model_ev": pick["model_expected_value"],
    }


def _readable(text: str) -> str:
    """With an instant at the end of a sentence as people read it."""
    head, _, last = text.rpartition(" ")
    try:
        return f"{head} {words.when(last)}"
    except ValueError:
        return text


def _candidate(one: Mapping[str, Any], body: Mapping[str, Any]) -> View:
    """What a pick and a near miss have in common."""
    upper = Stamp.UPPER_BOUND in one["stamps"]
    wins = one["outcome"] in {"home", "away"}
    return {
        "event_id": one["event_id"],
        "event_name": one["event_name"],
        "league": one["league"],
        "kickoff": one["kickoff"],
        "selection": f"{one['selection']} to win" if wins else one["selection"],
        "bookmaker": words.bookmaker(one["bookmaker"]),
        "odds": one["quoted_odds"],
        "net_odds": None
        if one["quoted_odds"] == one["recommended_odds"]
        else one["recommended_odds"],
        "upper": upper,
        "fair_odds": one["fair_odds"],
        "probability": one["probability"],
        "ev": one["expected_value"],
        "ev_lower": one["expected_value_lower"],
        "confidence": one["confidence_score"],
        "risk": one["risk_score"],
        "prices_as_of": one["prices_as_of"],
        "meters": _meters(one, body["criteria"]),
        "stamps": [words.stamp(code) for code in one["stamps"] if code not in body["stamps"]],
    }


def _meters(one: Mapping[str, Any], criteria: Mapping[str, Any]) -> View:
    """EV, confidence and risk on their lines, with what the criteria ask of them."""
    ev, lower = one["expected_value"], one["expected_value_lower"]
    confidence, risk = one["confidence_score"], one["risk_score"]
    least_ev = criteria["min_expected_value"]
    scale = Scale(0.0, max(_EV_SCALE, *(1.1 * value for value in (ev, least_ev) if value)))
    return {
        "ev": {
            "value": scale.length(0.0, ev or 0.0),
            "lower": None if lower is None else scale.at(lower),
            "criterion": scale.at(least_ev),
            "met": ev is not None and ev >= least_ev and ev > 0,
            "asked": f"at least {words.percent(least_ev)}",
        },
        "confidence": {
            "value": Scale(0, 100).length(0, confidence or 0),
            "lower": None,
            "criterion": Scale(0, 100).at(criteria["min_confidence"]),
            "met": confidence is not None and confidence >= criteria["min_confidence"],
            "asked": f"at least {criteria['min_confidence']:g}",
        },
        "risk": {
            "value": Scale(0, 1).length(0, risk or 0),
            "lower": None,
            "criterion": Scale(0, 1).at(criteria["max_risk"]),
            "met": risk is not None and risk <= criteria["max_risk"],
            "asked": f"at most {criteria['max_risk']:g}",
        },
    }


def _opinions(pick: Mapping[str, Any]) -> View:
    """Who says which probability, against what the price needs to pay."""
    needed = 1.0 / pick["recommended_odds"]
    members = pick["model_probabilities"]
    said = [
        ("The market", pick["market_probability"], "market"),
        *((name, members.get(code), "member") for code, name in words.MEMBERS.items()),
        ("Our price", pick["probability"], "ours"),
    ]
    known = [p for _, p, _ in said if p is not None]
    scale = Scale.around([needed, *known])
    return {
        "needed": needed,
        "needed_at": scale.at(needed),
        "rows": [
            {
                "name": name,
                "kind": kind,
                "probability": p,
                "at": None if p is None else scale.at(p),
                "from": None if p is None else scale.at(min(p, needed)),
                "length": None if p is None else scale.length(min(p, needed), max(p, needed)),
                "above": p is not None and p > needed,
            }
            for name, p, kind in said
        ],
    }


def _prices(prices: Mapping[str, Mapping[str, Any]], taken: str) -> list[View]:
    """Every book's price, best first."""
    return [
        {
            "bookmaker": words.bookmaker(code),
            "odds": quote["odds"],
            "age": words.span(timedelta(minutes=quote.get("age_minutes", 0))),
            "taken": code == taken,
            "takeable": quote.get("takeable", True),
        }
        for code, quote in sorted(prices.items(), key=lambda item: (-item[1]["odds"], item[0]))
    ]


def _miss(miss: Mapping[str, Any], body: Mapping[str, Any], now: datetime) -> View:
    reasons = why_not(miss, body["criteria"])
    return _candidate(miss, body) | {
        "reasons": [reason[:1].upper() + reason[1:] for reason in reasons],
        "begun": words.instant(miss["kickoff"]) <= now,
    }


def _looked_at(body: Mapping[str, Any], ends: datetime) -> list[tuple[str, str]]:
    """What a slate was made of, label by label."""
    unpriced = body["events_considered"] - body["events_priced"]
    shown = [*body["picks"], *body["near_misses"]]
    until = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [
        ("Kick-offs", f"{words.when(body['as_of'])} to {words.when(until)}"),
        (
            "Matches",
            f"{body['events_considered']:,} considered, {body['events_priced']:,} with prices"
            + (f", {unpriced:,} without" if unpriced else ""),
        ),
    ]
    if body["refused"]:
        told = (f"{_left_out(code)} ({number:,})" for code, number in body["refused"].items())
        rows.append(("Left out", "; ".join(told)))
    if shown:
        oldest = min(words.instant(one["prices_as_of"]) for one in shown)
        age = words.span(words.instant(body["as_of"]) - oldest)
        rows.append(("Age of prices", f"up to {age} when this was made"))
    return [
        *rows,
        ("Data", ", ".join(body["data_sources"]) or "none"),
        (
            "Model",
            f"{body['model'] or 'none'}, trained through {body['trained_through'] or 'no day'}",
        ),
        ("Asked of a pick", criteria_asked(body["criteria"])),
        ("Bankroll", words.money(body["bankroll"])),
        ("Published", words.when(body["published_at"])),
        ("Link in the chain", body["hash"]),
    ]


def _left_out(code: str) -> str:
    reasons = {str(reason): text for reason, text in REASONS.items()}
    return reasons.get(code, code.replace("_", " "))


def event_lines(items: Iterable[Mapping[str, Any]]) -> list[View]:
    """Events by day, each day with its lines."""
    days: dict[str, list[View]] = {}
    for event in items:
        days.setdefault(event["kickoff"][:10], []).append(_event(event))
    return [{"day": words.long_day(day), "events": its} for day, its in days.items()]


def _event(event: Mapping[str, Any]) -> View:
    best = {price["outcome"]: price for price in event["best_odds"]}
    return {
        **event,
        "status_words": words.EVENT_STATUSES.get(event["status"], event["status"]),
        "score_words": score(event),
        "best": [
            {"outcome": words.outcome(name), "price": best.get(name)} for name in _outcomes(event)
        ],
    }


def _outcomes(event: Mapping[str, Any]) -> tuple[str, ...]:
    return ("home", "draw", "away") if event["sport"] == "football" else ("home", "away")


def score(event: Mapping[str, Any]) -> str | None:
    """``"2\N{EN DASH}1"``."""
    told = event["score"]
    return None if told is None else f"{told['home']}\N{EN DASH}{told['away']}"


def event_view(event: Mapping[str, Any], prices: Sequence[Mapping[str, Any]]) -> View:
    """The page of an event.

    Args:
        event: of `Reading.event`.
        prices: items of `Reading.odds`, oldest first.
    """
    return _event(event) | {
        "markets": _markets(event),
        "chances": _chances(event),
        "history": _price_history(event, prices),
        "recommendations": [pick_line(pick) for pick in event["recommendations"]],
    }


def _named(event: Mapping[str, Any], outcome: str) -> str:
    teams: dict[str, str] = {"home": event["home"], "away": event["away"]}
    return teams.get(outcome, words.outcome(outcome))


_MARKET_ORDER: Final = ("match_result", "totals", "handicap")


def _markets(event: Mapping[str, Any]) -> list[View]:
    """Each market on each line with every book's last prices, the best marked."""
    offers: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for offer in event["latest_odds"]:
        offers.setdefault((offer["market"], offer["line"]), []).append(offer)

    def place(market: tuple[str, float]) -> tuple[int, float]:
        name, line = market
        return (
            _MARKET_ORDER.index(name) if name in _MARKET_ORDER else len(_MARKET_ORDER),
            line,
        )

    return [
        _market(event, name, line, offers[name, line]) for name, line in sorted(offers, key=place)
    ]


def _market(
    event: Mapping[str, Any], name: str, line: float, offers: Sequence[Mapping[str, Any]]
) -> View:
    known = ["home", "draw", "away", "over", "under"]
    outcomes = [one for one in known if any(one in offer["odds"] for offer in offers)]
    best = {
        one: max(
            (o["odds"][one] for o in offers if o["kind"] == _TAKEABLE and one in o["odds"]),
            default=None,
        )
        for one in outcomes
    }
    order = {"named": 0, "exchange": 1, "average": 2, "maximum": 3}
    return {
        "name": words.market(name, line),
        "outcomes": [_named(event, one) for one in outcomes],
        "rows": [
            {
                "bookmaker": offer["bookmaker_name"],
                "note": _NOTES.get(offer["kind"]),
                "prices": [
                    {
                        "odds": offer["odds"].get(one),
                        "best": offer["kind"] == _TAKEABLE
                        and best[one] is not None
                        and offer["odds"].get(one) == best[one],
                    }
                    for one in outcomes
                ],
                "margin": _margin([offer["odds"].get(one) for one in outcomes]),
                "quoted_at": offer["quoted_at"],
            }
            for offer in sorted(
                offers, key=lambda o: (order.get(o["kind"], 4), o["bookmaker_name"].lower())
            )
        ],
    }


_NOTES: Final = {
    "exchange": "before commission",
    "average": "not a price to take",
    "maximum": "not a price to take",
}


def _margin(prices: Sequence[float | None]) -> float | None:
    """What a book keeps of every unit if it is right about the chances."""
    known = [price for price in prices if price is not None]
    return sum(1 / price for price in known) - 1 if known and len(known) == len(prices) else None


def _chances(event: Mapping[str, Any]) -> list[View]:
    """What everybody says, one table for each set of selections."""
    tables: dict[tuple[str, ...], dict[str, Mapping[str, float]]] = {}
    for said in event["predictions"]:
        outcomes = tuple(one for one in words.OUTCOMES if one in said["probabilities"])
        tables.setdefault(outcomes, {})[said["member"]] = said["probabilities"]
    views = []
    for outcomes, said in sorted(tables.items(), key=lambda item: "home" not in item[0]):
        market = said.get("market", {})
        gaps = [
            chances[one] - market[one]
            for member, chances in said.items()
            for one in outcomes
            if one in market and member != "market"
        ]
        scale = Scale.even(gaps, least=0.01, most=1.0)
        views.append({
            "outcomes": [_named(event, one) for one in outcomes],
            "reach": scale.high,
            "rows": [
                {
                    "name": name,
                    "kind": {"market": "market", "pick_price": "ours"}.get(code, "member"),
                    "cells": [
                        _chance(said[code][one], market.get(one), scale, own=code == "market")
                        for one in outcomes
                    ],
                }
                for code, name in words.SAYERS.items()
                if code in said
            ],
        })  # fmt: skip
    return views


def _chance(p: float, market: float | None, scale: Scale, *, own: bool) -> View:
    if market is None or own:
        return {"probability": p, "gap": None, "from": None, "length": None}
    gap = p - market
    return {
        "probability": p,
        "gap": gap,
        "from": scale.at(min(gap, 0.0)),
        "length": scale.length(min(gap, 0.0), max(gap, 0.0)),
    }


def _price_history(event: Mapping[str, Any], prices: Sequence[Mapping[str, Any]]) -> View:
    """The best price that could be taken whenever it changed, and where it stood at the end."""
    outcomes = _outcomes(event)
    takeable = {offer["bookmaker"] for offer in event["latest_odds"] if offer["kind"] == _TAKEABLE}
    standing: dict[str, dict[str, float]] = {one: {} for one in outcomes}
    rows: dict[str, list[View]] = {}
    for price in prices:
        if price["outcome"] not in standing or price["bookmaker"] not in takeable:
            continue
        standing[price["outcome"]][price["bookmaker"]] = price["odds"]
        rows[price["quoted_at"]] = [_best(standing[one]) for one in outcomes]
    told = [{"at": at, "prices": its} for at, its in rows.items()]
    changed = [
        row
        for before, row in zip([None, *told], told, strict=False)
        if before is None or row is told[-1] or row["prices"] != before["prices"]
    ]
    return {"outcomes": [_named(event, one) for one in outcomes], "rows": changed}


def _best(prices: Mapping[str, float]) -> View:
    if not prices:
        return {"odds": None, "bookmaker": None}
    code = max(sorted(prices), key=lambda book: prices[book])
    return {"odds": prices[code], "bookmaker": words.bookmaker(code)}


def pick_line(pick: Mapping[str, Any]) -> View:
    """A line of the record."""
    return {
        **pick,
        "league_name": words.league(pick["league"]),
        "bookmaker_name": words.bookmaker(pick["bookmaker"]),
        "status_words": words.STATUSES.get(pick["status"], pick["status"]),
    }


def record_view(record: Mapping[str, Any], by: str, shows: str = "live") -> View:
    """The page of the record.

    Args:
        record: of `Reading.performance`.
        by: what it is split by, one of `words.GROUPS`.
        shows: ``"live"`` or ``"replay"``.
    """
    whole = record["all"]
    groups = record["by"][by]
    ends = [
        end
        for its in (whole, *groups.values())
        for end in (*its["clv"]["interval"], its["clv"]["mean"])
        if end is not None
    ]
    scale = Scale.even(ends, least=0.02, most=0.15)
    names = sorted(groups, key=lambda value: _group_order(by, value, groups[value]))
    told = [{"name": words.group(by, value), **_group(groups[value], scale)} for value in names]
    return {
        **{name: record[name] for name in ("picks", "pending", "replaced", "few")},
        "first_day": record["first_day"] and words.day(record["first_day"]),
        "last_day": record["last_day"] and words.day(record["last_day"]),
        "all": whole,
        "settled": whole["picks"],
        "headline": _headline(whole, shows),
        "no_close": "none yet" if shows == "live" else "none",
        "results": _results(whole["results"]),
        "few_words": _few(whole["clv"]["n"]),
        "bins": [_bin(one) for one in record["confidence"]["bins"]],
        "gap": record["confidence"]["gap"],
        "by": by,
        "clv_zero": scale.at(0.0),
        "reach": scale.high,
        "groups": told[:_GROUPS_SHOWN],
        "more_groups": told[_GROUPS_SHOWN:],
        "series": record["series"],
    }


def _group_order(by: str, value: str, its: Mapping[str, Any]) -> tuple[Any, ...]:
    """Months run from the newest, all else from the most picks."""
    if by == "month":
        year, month = value.split("-")
        return (-int(year), -int(month))
    return (-its["picks"], value)


def _group(its: Mapping[str, Any], scale: Scale) -> View:
    clv = its["clv"]
    low, high = clv["interval"]
    return {
        **its,
        "at": None if clv["mean"] is None else scale.at(clv["mean"]),
        "from": None if low is None else scale.at(low),
        "length": None if low is None else scale.length(low, high),
    }


def _headline(whole: Mapping[str, Any], shows: str) -> str:
    """The closing-line value in one sentence that claims no more than it shows."""
    clv = whole["clv"]
    if clv["mean"] is None:
        if shows == "replay":
            return (
                "The sample has no closing prices, so there is nothing to hold its prices against."
            )
        return "No settled pick has a closing price yet."
    better = "better" if clv["mean"] >= 0 else "worse"
    told = f"Prices taken were {words.percent(abs(clv['mean']))} {better} than the fair close"
    low, high = clv["interval"]
    if low is None:
        return f"{told}; one day says nothing yet."
    ends = f"from {words.percent(low, signed=True)} to {words.percent(high, signed=True)}"
    where = "above zero" if low > 0 else "below zero" if high < 0 else "so zero is not ruled out"
    return f"{told}. The 95% interval runs {ends}, {where}."


def _few(number: int) -> str:
    return (
        f"Only {words.count(number, 'pick has', 'picks have')} a closing price so far. Below "
        f"{FEW}, a mean says little: read these figures as a beginning."
    )


def _results(results: Mapping[str, int]) -> str:
    return ", ".join(
        f"{results[code]} {words.STATUSES[code].lower()}"
        for code in ("won", "half_won", "void", "half_lost", "lost")
        if results.get(code)
    )


def _bin(one: Mapping[str, Any]) -> View:
    scale = Scale(0.0, 1.0)
    error = one["se"]
    low = None if error is None else max(0.0, one["beat"] - 1.96 * error)
    high = None if error is None else min(1.0, one["beat"] + 1.96 * error)
    return {
        **one,
        "stated_at": scale.at(one["stated"]),
        "beat_at": scale.at(one["beat"]),
        "from": None if low is None else scale.at(low),
        "length": None if low is None or high is None else scale.length(low, high),
    }


_NATS: Final = 1e5
"""Differences of log-loss are told in 0.00001 nats."""

_JUDGED: Final = {
    **words.MEMBERS,
    "pool": "Pool of the four",
    "pool_without_rl": "The same without deep RL",
    "ensemble": "Pooled, to predict the result",
    "pick_price": "Our price",
}


def models_view(items: Sequence[Mapping[str, Any]]) -> list[View]:
    """Each market with its newest model first."""
    markets: dict[str, list[View]] = {}
    for item in items:
        markets.setdefault(item["market"], []).append(_model(item))
    return [
        {"name": words.MARKETS.get(name, name), "newest": its[0], "older": its[1:]}
        for name, its in markets.items()
    ]


def _model(item: Mapping[str, Any]) -> View:
    held_out = item["held_out"]
    judged: list[View] = [
        {
            "name": name,
            "close": _difference(held_out[code].get("cross_entropy_difference")),
            "result": _difference(held_out[code].get("log_loss_difference")),
        }
        for code, name in _JUDGED.items()
        if isinstance(held_out.get(code), Mapping)
    ]
    values = [row["close"]["mean"] for row in judged if row["close"]]
    scale = Scale(0.0, max([1.0, *(-value for value in values)]) * 1.05)
    for row in judged:
        mean = row["close"]["mean"] if row["close"] else None
        row["length"] = None if mean is None else scale.length(0.0, max(0.0, -mean))
    return {
        **item,
        "trained": words.day(item["trained_through"]),
        "tuned": words.day(item["tuned_through"]),
        "gate_words": words.sentence(item["gate"]),
        "weights": [
            {"name": name, "weight": item["weights"][code]}
            for code, name in words.MEMBERS.items()
            if code in item["weights"]
        ],
        "judged": judged,
        "matches": held_out.get("matches"),
        "from": held_out.get("from"),
        "to": held_out.get("to"),
        "since": [
            {**one, "name": words.SAYERS.get(one["member"], one["member"])}
            for one in item["performance"]
        ],
    }


def _difference(told: Mapping[str, float | None] | None) -> View | None:
    if told is None or told["mean"] is None or told["se"] is None:
        return None
    return {"mean": _NATS * told["mean"], "se": _NATS * told["se"]}


def sessions_view(
    items: Sequence[Mapping[str, Any]], bets: Sequence[Mapping[str, Any]]
) -> list[View]:
    """Sessions with their limits in words, and their newest bets.

    Args:
        items: of `Reading.sessions`.
        bets: of `Reading.newest_bets`.
    """
    return [
        {
            **item,
            "newest": [_bet_line(bet) for bet in bets if bet["session_id"] == item["session_id"]],
            "profit_share": item["profit"] / item["starting_bankroll"],
            "limits": [
                (words.LIMITS.get(name, name.replace("_", " ")), words.limit(name, value))
                for name, value in item["limits"].items()
                if isinstance(value, int | float)
            ],
        }
        for item in items
    ]


def _bet_line(bet: Mapping[str, Any]) -> View:
    return {
        **bet,
        "league_name": words.league(bet["league"]),
        "bookmaker_name": words.bookmaker(bet["bookmaker"]),
        "venue_name": words.source(bet["venue"]),
        "status_words": words.BET_STATUSES.get(bet["status"], bet["status"]),
    }


_TABLES: Final = (
    "events", "odds", "results", "predictions", "slates", "recommendations", "bets", "teams",
    "leagues", "books", "model_performance",
)  # fmt: skip


def wallet_view(
    wallet: Wallet,
    chain: Chain,
    balances: Mapping[str, Balances | None],
    under_way: Sequence[TransferTold],
    over: Sequence[TransferReceipt],
) -> View:
    """The page on the wallet: amounts are exact, as text."""
    return {
        "address": wallet.address,
        "chain": chain.name,
        "testnet": chain.testnet,
        "holdings": [
            {
                "address": address,
                "own": address == wallet.address,
                "as_of": rfc3339(held.block.at) if held else None,
                "amounts": [
                    (one.symbol, one.text(held.units[one.symbol]))
                    for one in wallet.assets
                    if held and one.symbol in held.units
                ],
            }
            for address, held in balances.items()
        ],
        "open": [
            {
                "id": str(told.transfer.id),
                "amount": f"{told.transfer.amount:f} {told.transfer.token}",
                "to": told.transfer.to_address,
                "tx_hash": told.transfer.tx_hash,
                "asked_at": rfc3339(told.transfer.created_at),
                "status": told.transfer.status,
                "confirmations": f"{told.transfer.confirmations} of {told.needs_confirmations}",
                "reason": _reason(told.transfer.reason),
            }
            for told in under_way
        ],
        "over": [_receipt(one, wallet) for one in over],
    }


def _receipt(receipt: TransferReceipt, wallet: Wallet) -> View:
    asset = next((one for one in wallet.assets if one.contract == receipt.contract), None)
    amount = f"{asset.text(receipt.units)} {asset.symbol}" if asset else "of an unlisted token"
    coin = find_asset(receipt.chain_id, find_chain(receipt.chain_id).native)
    return {
        "id": receipt.intent_id,
        "amount": amount,
        "to": receipt.recipient,
        "tx_hash": receipt.tx_hash,
        "asked_at": rfc3339(receipt.asked_at),
        "status": "confirmed" if receipt.state == "final" else receipt.state,
        "fee": None if receipt.fee is None else f"{coin.text(receipt.fee)} {coin.symbol}",
        "reason": _reason(receipt.reason),
    }


def _reason(code: str | None) -> str:
    return "" if code is None else code.replace("_", " ")


def data_view(body: Mapping[str, Any]) -> View:
    """The page on the health of the data."""
    rows = body["database"]["rows"]
    names = [name for name in _TABLES if name in rows]
    names += sorted(set(rows) - set(names))
    return {
        **body,
        "rows": [(name.replace("_", " ").capitalize(), rows[name]) for name in names],
        "sources": [
            {**source, "name": words.source(source["source"])} for source in body["sources"]
        ],
        "feeds": [{"name": words.source(name), **state} for name, state in body["feeds"].items()],
        "models": [
            {**model, "name": words.MARKETS.get(model["market"], model["market"])}
            for model in body["models"]
        ],
        "refused": [(name, words.sentence(why)) for name, why in body["refused"].items()],
    }


def day_links(day: date | None, today: date) -> list[View]:
    """Where to go from a day of the list of events; None for all that is to come."""
    chosen = day or today
    near = {chosen + timedelta(days=step) for step in (-1, 0, 1)}
    return [
        {
            "name": "Today" if to == today else f"{to:%a} {to.day} {to:%b}",
            "day": to.isoformat(),
            "current": to == day,
        }
        for to in sorted(near | {today})
    ]
