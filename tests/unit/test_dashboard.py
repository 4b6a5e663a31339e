"""What the dashboard shows, before it is a page: words, figures, views and files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from betting_ai.api.dashboard import views, words
from betting_ai.api.dashboard.assets import Assets
from betting_ai.api.dashboard.figures import Scale
from betting_ai.domain.slate import NearMiss, Rationale, Reason, Shortfall, Stamp
from betting_ai.usecases.words import REASONS, STAMPS
from made_slates import CANDIDATE, NOON, made_pick, made_slate


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.281133, "28.1%"), (-0.004, "−0.4%"), (-0.0001, "0.0%"), (0.0, "0.0%"), (None, "unknown")],
)
def test_percent(value: float | None, told: str) -> None:
    assert words.percent(value) == told


def test_signs_are_told_where_they_matter() -> None:
    assert words.percent(0.0396, signed=True) == "+4.0%"
    assert words.percent(-0.0396, signed=True) == "−4.0%"
    assert words.percent(0.00001, signed=True) == "0.0%"
    assert words.decimal(56.561, signed=True) == "+56.56"


@pytest.mark.parametrize(
    ("value", "told"),
    [(3.7, "3.70"), (1.9, "1.90"), (3.375, "3.375"), (1.4465, "1.446"), (21.0, "21.00")],
)
def test_odds_have_two_places_or_three(value: float, told: str) -> None:
    assert words.odds(value) == told


def test_money_has_its_unit() -> None:
    assert words.money(1046.34) == "1,046.34 units"
    assert words.money(-3.78, "u", signed=True) == "−3.78 u"
    assert words.money(None) == "unknown"


def test_times() -> None:
    kickoff = "2025-03-15T10:30:00Z"
    assert words.when(kickoff) == "Sat 15 Mar 2025, 10:30 UTC"
    assert words.when(None) == "never"
    assert words.clock_time(kickoff) == "10:30 UTC"
    assert words.long_day(kickoff) == "Saturday 15 March 2025"
    assert words.day("2025-03-01") == "Sat 1 Mar 2025"
    assert words.month("2025-02") == "February 2025"


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (0, "0 min"), (59, "59 min"), (60, "1 h"), (150, "2 h 30 min"), (1020, "17 h"),
        (24 * 60 + 59, "24 h"),
        (2880, "2 d"), (4560, "3 d 4 h"), (14640, "10 d"), (89 * 1440, "89 d"),
        (150 * 1440, "5 months"), (1147 * 1440, "3 years"), (-150, "2 h 30 min"),
    ],
)  # fmt: skip
def test_spans(minutes: int, told: str) -> None:
    assert words.span(timedelta(minutes=minutes)) == told


def test_how_far_away_something_is() -> None:
    now = datetime(2025, 3, 15, 8, tzinfo=UTC)
    assert words.away("2025-03-15T10:30:00Z", now) == "in 2 h 30 min"
    assert words.away("2025-03-15T07:00:00Z", now) == "1 h ago"


def test_sizes_and_counts() -> None:
    assert [words.size(n) for n in (0, 999, 8_200, 107_714_239, 2 * 10**12)] == [
        "0 bytes", "999 bytes", "8.2 kB", "108 MB", "2.0 TB",
    ]  # fmt: skip
    assert words.count(1, "pick") == "1 pick"
    assert words.count(1200, "loss", "losses") == "1,200 losses"


def test_codes_have_names_and_unknown_ones_stay_readable() -> None:
    assert words.bookmaker("B365") == "bet365"
    assert words.bookmaker("ZZZ") == "ZZZ"
    assert words.league("E0") == "Premier League"
    assert words.league("X9") == "X9"
    assert words.market("handicap", -0.25) == "Handicap −0.25"
    assert words.market("totals", 2.5) == "Over and under 2.5"
    assert words.outcome("half_time") == "half time"
    assert words.group("month", "2025-02") == "February 2025"
    assert words.group("model", "2024-06-30") == "2024-06-30"
    assert words.source("football_data") == "football-data.co.uk"
    assert words.source("my_feed") == "My feed"


@pytest.mark.parametrize("stamp", Stamp)
def test_every_caveat_is_a_sentence(stamp: Stamp) -> None:
    told = words.stamp(stamp)
    assert told == f"{STAMPS[stamp][0].upper()}{STAMPS[stamp][1:]}."
    assert words.stamp("of_tomorrow") == "Of tomorrow."


def test_limits_have_units() -> None:
    assert words.limit("per_event", 0.05) == "5% of the bankroll"
    assert words.limit("losing_streak", 1) == "1 loss"
    assert words.limit("pause_hours", 24) == "24 h"


def test_a_scale_places_values() -> None:
    scale = Scale(0.0, 10.0)
    assert (scale.at(2.5), scale.at(-1), scale.at(11)) == ("25.00%", "0.00%", "100.00%")
    assert (scale.length(2, 5), scale.length(-5, 5), scale.length(5, 50)) == (
        "30.00%", "50.00%", "50.00%",
    )  # fmt: skip
    around = Scale.around([0.2, 0.3])
    assert around.low == pytest.approx(0.19)
    assert around.high == pytest.approx(0.31)
    assert Scale.around([0.5]).at(0.5) == "50.00%"
    assert Scale.even([0.03, -0.2], least=0.02, most=0.15) == Scale(-0.15, 0.15)


def published(**changes: Any) -> dict[str, Any]:
    """A slate as `Reading.slate` tells it."""
    told = made_slate(made_pick(**changes)).to_dict()
    return told | {"mode": "live", "published_at": "2025-03-15T12:00:00Z", "hash": "ab" * 32}


def test_a_pick_says_what_to_do() -> None:
    rationale = Rationale(
        "S.",
        ("Books disagree (+0.1)", "Against it: goal lines (-0.4)"),
        {
            "cancels": ["it is later than 2025-03-15T15:00:00Z", "the best price falls below 2.28"],
            "prices": {
                "WH": {"odds": 2.2, "age_minutes": 20, "takeable": True},
                "B365": {"odds": 2.3, "age_minutes": 20, "takeable": True},
            },
        },
    )
    view = views.slate_view(published(rationale=rationale), NOON)
    (pick,) = view["picks"]
    assert pick["selection"] == "Nott'm Forest to win"
    assert pick["advice"] == "Bet now"
    assert pick["share"] == pytest.approx(0.01234)
    assert pick["reasons"] == ["Books disagree (+0.1)"]
    assert pick["doubts"] == ["Goal lines (-0.4)"]
    assert pick["cancels"] == [
        "It is later than Sat 15 Mar 2025, 15:00 UTC.",
        "The best price falls below 2.28.",
    ]
    assert [(price["bookmaker"], price["taken"]) for price in pick["prices"]] == [
        ("bet365", True),
        ("William Hill", False),
    ]
    assert [row["name"] for row in pick["figure"]["rows"]] == [
        "The market", "XGBoost", "Random forest", "Deep RL", "Bayesian", "Our price",
    ]  # fmt: skip
    unknown = {row["name"] for row in pick["figure"]["rows"] if row["at"] is None}
    assert unknown == {"Deep RL", "Bayesian"}
    assert pick["figure"]["needed"] == pytest.approx(1 / 2.3)
    assert view["gain"] == pytest.approx(12.34 * 0.0587, abs=1e-6)


def test_a_caveat_of_the_whole_day_is_told_once() -> None:
    seen = replace(CANDIDATE, stamps=(Stamp.UPPER_BOUND, Stamp.LEAD_TIME_CLAMPED))
    told = published(candidate=seen) | {"stamps": [str(Stamp.UPPER_BOUND)]}
    view = views.slate_view(told, NOON)
    assert view["stamps"] == [words.stamp(Stamp.UPPER_BOUND)]
    (pick,) = view["picks"]
    assert pick["stamps"] == [words.stamp(Stamp.LEAD_TIME_CLAMPED)]
    assert pick["upper"]


def test_what_has_begun_is_over() -> None:
    def view(now: datetime) -> dict[str, Any]:
        return views.slate_view(published(expires_at=NOON + timedelta(hours=2)), now)

    assert [(v["begun"], v["ended"]) for v in map(view, (
        NOON, NOON + timedelta(hours=2), NOON + timedelta(hours=24),
    ))] == [(False, False), (True, False), (True, True)]  # fmt: skip
    (pick,) = view(NOON + timedelta(hours=2))["picks"]
    assert (pick["begun"], pick["expired"]) == (False, True)
    (pick,) = view(NOON + timedelta(hours=3))["picks"]
    assert (pick["begun"], pick["expired"]) == (True, True)


def test_meters_stand_at_what_is_asked() -> None:
    low = replace(CANDIDATE, confidence=50.0, ev=0.2, risk=0.8)
    missed = NearMiss(
        low, (Shortfall(Reason.LOW_CONFIDENCE, 15.0), Shortfall(Reason.HIGH_RISK, 0.1))
    )
    told = published() | {"near_misses": [missed.to_dict()]}
    (miss,) = views.slate_view(told, NOON)["near"]
    assert {name: meter["met"] for name, meter in miss["meters"].items()} == {
        "ev": True, "confidence": False, "risk": False,
    }  # fmt: skip
    assert miss["meters"]["confidence"]["criterion"] == "65.00%"
    assert miss["meters"]["ev"]["value"] == "90.91%", "a large value makes its line longer"
    assert miss["reasons"] == ["Confidence 50.0, 15.0 short of 65", "Risk 0.800, 0.100 over 0.7"]


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_what_was_left_out_is_told_in_words(reason: str) -> None:
    told = published() | {"refused": {str(reason): 3, "of_tomorrow": 1}}
    looked = dict(views.slate_view(told, NOON)["looked_at"])
    assert looked["Left out"] == f"{REASONS[reason]} (3); of tomorrow (1)"
    assert looked["Matches"] == "40 considered, 39 with prices, 1 without"
    assert looked["Age of prices"] == "up to 20 min when this was made"


def event(**changes: Any) -> dict[str, Any]:
    told = {
        "event_id": "e0", "event_name": "Ash vs Birch", "home": "Ash", "away": "Birch",
        "league": "E0", "league_name": "Premier League", "sport": "football",
        "kickoff": "2025-03-15T15:00:00Z", "time_assumed": False, "status": "scheduled",
        "score": None, "best_odds": [], "latest_odds": [], "predictions": [],
        "recommendations": [],
    }  # fmt: skip
    return told | changes


def offer(book: str, kind: str, *odds: float) -> dict[str, Any]:
    return {
        "market": "match_result", "line": 0.0, "bookmaker": book, "bookmaker_name": book,
        "kind": kind, "odds": dict(zip(("home", "draw", "away"), odds, strict=True)),
        "quoted_at": "2025-03-15T10:00:00Z",
    }  # fmt: skip


def test_only_prices_that_can_be_taken_are_best() -> None:
    latest = [
        offer("MAX", "maximum", 2.6, 3.6, 3.6),
        offer("BFE", "exchange", 2.5, 3.5, 3.5),
        offer("B", "named", 2.3, 3.4, 3.2),
        offer("A", "named", 2.4, 3.3, 3.2),
    ]
    (market,) = views.event_view(event(latest_odds=latest), [])["markets"]
    assert market["outcomes"] == ["Ash", "Draw", "Birch"]
    best = {row["bookmaker"]: [price["best"] for price in row["prices"]] for row in market["rows"]}
    assert best == {
        "A": [True, False, True],
        "B": [False, True, True],
        "BFE": [False, False, False],
        "MAX": [False, False, False],
    }
    assert list(best) == ["A", "B", "BFE", "MAX"]
    assert market["rows"][0]["margin"] == pytest.approx(1 / 2.4 + 1 / 3.3 + 1 / 3.2 - 1)
    assert [row["note"] for row in market["rows"]] == [
        None, None, "before commission", "not a price to take",
    ]  # fmt: skip


def test_the_best_price_over_time() -> None:
    def quote(at: str, book: str, odds: float, outcome: str = "home") -> dict[str, Any]:
        return {"bookmaker": book, "outcome": outcome, "odds": odds, "quoted_at": at}

    latest = [offer("A", "named", 2.2, 3.4, 3.2), offer("AVG", "average", 2.2, 3.4, 3.2),
              offer("B", "named", 2.1, 3.4, 3.2)]  # fmt: skip
    prices = [
        quote("2025-03-15T08:00:00Z", "A", 2.4),
        quote("2025-03-15T08:00:00Z", "AVG", 9.0),
        quote("2025-03-15T09:00:00Z", "B", 2.3),
        quote("2025-03-15T10:00:00Z", "A", 2.2),
        quote("2025-03-15T10:30:00Z", "B", 2.3),
        quote("2025-03-15T11:00:00Z", "A", 2.1),
    ]
    history = views.event_view(event(latest_odds=latest), prices)["history"]
    told = [(row["at"][11:13], row["prices"][0]) for row in history["rows"]]
    assert [(hour, best["odds"], best["bookmaker"]) for hour, best in told] == [
        ("08", 2.4, "A"),  # at nine it was still the best
        ("10", 2.3, "B"),
        ("11", 2.3, "B"),  # the last word, though nothing changed
    ]
    assert history["rows"][0]["prices"][1]["odds"] is None


def test_chances_stand_against_the_market() -> None:
    def said(member: str, home: float) -> dict[str, Any]:
        return {"member": member, "probabilities": {"home": home, "draw": 0.3, "away": 0.7 - home}}

    told = event(
        predictions=[said("pick_price", 0.44), said("market", 0.42), said("xgboost", 0.40)]
    )
    (table,) = views.event_view(told, [])["chances"]
    assert [row["name"] for row in table["rows"]] == ["The market", "XGBoost", "Our price"]
    market, model, ours = ([cell["gap"] for cell in row["cells"]] for row in table["rows"])
    assert market == [None, None, None]
    assert model == pytest.approx([-0.02, 0.0, 0.02])
    assert ours == pytest.approx([0.02, 0.0, -0.02])
    assert table["rows"][2]["cells"][0]["from"] == "50.00%"
    assert table["rows"][1]["cells"][0]["length"] == "50.00%"


def test_events_stand_under_their_days() -> None:
    late = event(kickoff="2025-03-16T12:00:00Z", score={"home": 2, "away": 1}, status="finished")
    tennis = event(sport="tennis")
    days = views.event_lines([event(), tennis, late])
    assert [(one["day"], len(one["events"])) for one in days] == [
        ("Saturday 15 March 2025", 2), ("Sunday 16 March 2025", 1),
    ]  # fmt: skip
    assert days[1]["events"][0]["score_words"] == "2–1"
    assert [best["outcome"] for best in days[0]["events"][1]["best"]] == ["Home", "Away"]


def figures(
    mean: float | None, low: float | None, high: float | None, n: int = 40
) -> dict[str, Any]:
    mean_of = {"mean": 0.1, "se": 0.1, "n": n, "interval": [low, high]}
    return {
        "picks": n, "clv": {"mean": mean, "se": 0.1, "n": n, "interval": [low, high]},
        "beat_close": mean_of, "without_close": 0, "claimed_ev": 0.03,
        "results": {"won": 2, "lost": 1, "void": 0, "half_won": 0, "half_lost": 0},
        "staked": 10.0, "profit": 1.0, "yield": mean_of, "mean_odds": 2.0,
    }  # fmt: skip


def record(whole: dict[str, Any], **groups: dict[str, Any]) -> dict[str, Any]:
    return {
        "first_day": "2025-02-08", "last_day": "2025-03-15", "picks": 41, "pending": 1,
        "replaced": 0, "few": whole["clv"]["n"] < 30, "all": whole,
        "confidence": {"gap": 0.1, "bins": [{"stated": 0.6, "beat": 1.0, "se": None, "picks": 1}]},
        "by": {"month": {name.strip("_").replace("_", "-"): its for name, its in groups.items()},
               "league": {}},
        "series": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mean", "low", "high", "told"),
    [
        (0.03, 0.01, 0.05, "3.0% better than the fair close. The 95% interval runs from +1.0% to "
         "+5.0%, above zero."),
        (0.03, -0.01, 0.07, "from −1.0% to +7.0%, so zero is not ruled out."),
        (-0.03, -0.05, -0.01, "3.0% worse than the fair close. The 95% interval runs from −5.0% to "
         "−1.0%, below zero."),
        (0.03, None, None, "one day says nothing yet."),
        (None, None, None, "No settled pick has a closing price yet."),
    ],
)  # fmt: skip
def test_the_headline_claims_no_more_than_it_shows(
    mean: float | None, low: float | None, high: float | None, told: str
) -> None:
    view = views.record_view(record(figures(mean, low, high)), "month")
    assert view["headline"].endswith(told)


def test_the_sample_awaits_no_closing_prices() -> None:
    view = views.record_view(record(figures(None, None, None)), "month", "replay")
    assert view["headline"].startswith("The sample has no closing prices")
    assert view["no_close"] == "none"
    view = views.record_view(record(figures(0.03, None, None)), "month", "replay")
    assert view["headline"].endswith("one day says nothing yet.")


def test_few_picks_are_said_to_be_few() -> None:
    view = views.record_view(record(figures(0.01, 0.0, 0.02, n=1)), "month")
    assert view["few"]
    assert view["few_words"].startswith("Only 1 pick has a closing price so far. Below 30,")
    assert view["results"] == "2 won, 1 lost"
    assert view["bins"][0]["from"] is None


def test_months_run_from_the_newest() -> None:
    whole, less = figures(0.01, -0.3, 0.3), figures(0.02, None, None, n=1)
    view = views.record_view(record(whole, _2024_12=less, _2025_02=less, _2025_01=whole), "month")
    assert [group["name"] for group in view["groups"]] == [
        "February 2025", "January 2025", "December 2024",
    ]  # fmt: skip
    assert view["reach"] == 0.15, "what lies far out is cut off"
    assert view["groups"][1]["length"] == "100.00%"
    assert view["groups"][0]["length"] is None


def test_what_is_long_is_folded_away() -> None:
    months = {f"_2024_{month:02}": figures(0.02, None, None, n=1) for month in range(1, 13)}
    view = views.record_view(record(figures(0.01, -0.3, 0.3), **months), "month")
    told = [group["name"] for group in view["groups"] + view["more_groups"]]
    assert told[0] == "December 2024"
    assert (len(view["groups"]), len(told)) == (6, 12)
    assert told[-1] == "January 2024"


def test_days_lead_to_their_neighbours() -> None:
    today = date(2025, 3, 15)
    assert [(one["name"], one["current"]) for one in views.day_links(None, today)] == [
        ("Fri 14 Mar", False), ("Today", False), ("Sun 16 Mar", False),
    ]  # fmt: skip
    assert [(one["name"], one["current"]) for one in views.day_links(date(2025, 3, 10), today)] == [
        ("Sun 9 Mar", False), ("Mon 10 Mar", True), ("Tue 11 Mar", False), ("Today", False),
    ]  # fmt: skip


def test_files_have_addresses_of_their_content(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "app.css").write_text("a {}")
    (tmp_path / "vendor" / "chart.js").write_text("1")
    (tmp_path / "vendor" / "LICENSE.txt").write_text("free")
    assets = Assets(tmp_path)
    url = assets.url("vendor/chart.js")
    assert url is not None
    _, digest, name = url.split("/", 2)
    found = assets.find(digest, name)
    assert found is not None
    assert (found.body, found.media_type) == (b"1", "text/javascript; charset=utf-8")
    assert assets.find("0" * 16, name) is None
    assert assets.url("vendor/LICENSE.txt") is None
    assert assets.url("../pages.py") is None
    (tmp_path / "app.css").write_text("b {}")
    assert Assets(tmp_path).url("app.css") != assets.url("app.css")
