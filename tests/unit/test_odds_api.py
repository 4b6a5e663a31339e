"""Answers of The Odds API and Cloudbet to facts: kept or refused with a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from betting_ai.adapters.feeds.cloudbet.names import LEAGUE_OF_COMPETITION
from betting_ai.adapters.feeds.cloudbet.normaliser import CloudbetNormaliser
from betting_ai.adapters.feeds.odds_api.names import BOOK_OF_KEY, LEAGUE_OF_SPORT
from betting_ai.adapters.feeds.odds_api.normaliser import OddsApiNormaliser
from betting_ai.domain.books import book
from betting_ai.domain.events import event_id
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.markets import Market
from betting_ai.errors import NotJsonError
from betting_ai.features.facts import NEVER
from betting_ai.ports.feeds import Parsed, Payload, PayloadKind
from fake_api import PAGE, odds_row, score_row

NOW = datetime(2024, 10, 18, 18, tzinfo=UTC)
KICKOFF = NOW + timedelta(hours=20)
FAIR = (2.1, 3.4, 3.6)


def parsed(document: Any, kind: PayloadKind = PayloadKind.ODDS) -> Parsed:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    payload = Payload("odds_api", "answer.json", kind, content, NOW)
    return OddsApiNormaliser().parse(payload, lambda _, name: None if name == "Nobody" else name)


def row(**changes: Any) -> dict[str, Any]:
    return odds_row(KICKOFF, {"williamhill": FAIR}, told=NOW - timedelta(minutes=3)) | changes


def with_market(**changes: Any) -> dict[str, Any]:
    entry = row()
    entry["bookmakers"][0]["markets"][0] |= changes
    return entry


def outcomes(*told: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(("name", "price", "point"), one, strict=False)) for one in told]


def test_a_row_is_an_event_with_live_prices() -> None:
    facts = parsed([row()]).facts
    assert facts.event_id.tolist() == [event_id("e0-2024-10-19-chelsea-arsenal")]
    assert (facts.leagues, facts.books) == (("E0",), ("WH",))
    assert facts.teams == ("ENG:Arsenal", "ENG:Chelsea")
    assert facts.season.tolist() == [2024]
    assert facts.kickoff.tolist() == [KICKOFF.timestamp()]
    assert not facts.time_assumed.any()
    assert facts.result_known_at.tolist() == [NEVER]
    assert facts.price.tolist() == [list(FAIR)]
    assert facts.quoted_at.tolist() == [(NOW - timedelta(minutes=3)).timestamp()]
    assert facts.quote_live.all()


def test_the_day_is_the_one_in_britain() -> None:
    late = datetime(2024, 7, 10, 23, 30, tzinfo=UTC)
    entry = odds_row(late, {}, told=NOW, sport="soccer_usa_mls")
    payload = Payload("odds_api", "x", PayloadKind.ODDS, json.dumps([entry]).encode(), late)
    facts = OddsApiNormaliser().parse(payload, lambda _, name: name).facts
    assert str(np.datetime64(int(facts.day[0]), "D")) == "2024-07-11"
    assert facts.season.tolist() == [2024]


def test_seconds_since_the_epoch_are_instants_too() -> None:
    entry = row(commence_time=int(KICKOFF.timestamp()))
    entry["bookmakers"][0]["markets"][0]["last_update"] = int(NOW.timestamp())
    facts = parsed([entry]).facts
    assert facts.kickoff.tolist() == [KICKOFF.timestamp()]
    assert facts.quoted_at.tolist() == [NOW.timestamp()]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ([], "unreadable_row"),
        ("text", "unreadable_row"),
        (row(sport_key="cricket_ipl"), "unknown_sport"),
        (row(commence_time="soon"), "date_unreadable"),
        (row(commence_time="2024-10-19T14:00:00"), "date_unreadable"),
        (row(commence_time=True), "date_unreadable"),
        (row(commence_time="0001-01-01T00:00:00+14:00"), "date_unreadable"),
        (row(commence_time="2024-09-01T14:00:00Z"), "stale_row"),
        (row(commence_time="2025-05-01T14:00:00Z"), "too_far_ahead"),
        (row(home_team=None), "team_missing"),
        (row(away_team="  "), "team_missing"),
        (row(home_team="Nobody"), "team_unresolved"),
        (row(home_team="Arsenal"), "team_against_itself"),
    ],
    ids=str,
)
def test_rows_that_cannot_be_used(entry: Any, why: str) -> None:
    found = parsed([entry, row()])
    assert found.report.rows_refused == {why: 1}
    assert (found.report.rows_read, found.report.rows_kept, len(found.facts)) == (2, 1, 1)


def test_the_same_match_twice_in_one_answer_is_kept_once() -> None:
    found = parsed([row(), row(id="e2")])
    assert found.report.rows_refused == {"duplicate": 1}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (with_market(outcomes=outcomes(("Chelsea", 2.1), ("Arsenal", 3.6))), "incomplete"),
        (with_market(outcomes=[]), "incomplete"),
        (with_market(outcomes=None), "incomplete"),
        (
            with_market(outcomes=outcomes(("Chelsea", 1.0), ("Draw", 36.0), ("Arsenal", 36.0))),
            "price_not_above_1",
        ),
        (
            with_market(outcomes=outcomes(("Chelsea", -150), ("Draw", 240), ("Arsenal", 180))),
            "price_not_above_1",
        ),
        (
            with_market(outcomes=outcomes(("Chelsea", 150), ("Draw", 240), ("Arsenal", 180))),
            "overround_absurd",
        ),
        (
            with_market(outcomes=outcomes(("Chelsea", "evens"), ("Draw", 3.4), ("Arsenal", 3.6))),
            "text_price",
        ),
        (
            with_market(outcomes=outcomes(("Chelsea", None), ("Draw", 3.4), ("Arsenal", 3.6))),
            "text_price",
        ),
        (
            with_market(outcomes=outcomes(("Chelsea", 2.1), ("Draw", 3.4), ("Arsenal", 5000))),
            "price_absurd",
        ),
        (
            with_market(outcomes=outcomes(("Chelsea", 2.1), ("X", 3.4), ("Arsenal", 3.6))),
            "unknown_outcome",
        ),
        (
            with_market(outcomes=outcomes(("Chelsea", 2.1), ("Chelsea", 2.2), ("Arsenal", 3.6))),
            "duplicate_outcome",
        ),
        (with_market(key="btts"), "unknown_market"),
        (with_market(last_update="2024-10-19T14:00:00Z"), "in_play"),
        (with_market(last_update="2024-10-18T18:30:00Z"), "stamp_in_future"),
        (
            with_market(key="totals", outcomes=outcomes(("Over", 1.9), ("Under", 1.9))),
            "line_absurd",
        ),
        (
            with_market(key="totals", outcomes=outcomes(("Over", 1.9, 2.6), ("Under", 1.9, 2.6))),
            "line_absurd",
        ),
        (
            with_market(key="totals", outcomes=outcomes(("Over", 1.9, 2.5), ("Under", 1.9, 3.5))),
            "incomplete",
        ),
    ],
    ids=str,
)
def test_quotes_that_cannot_be_used(entry: dict[str, Any], why: str) -> None:
    found = parsed([entry])
    assert set(found.report.quotes_refused) == {why}
    assert (found.report.rows_kept, found.facts.quotes) == (1, 0)


def test_a_quote_without_any_time_is_refused_and_the_bookmakers_stands_in() -> None:
    entry = with_market(last_update=None)
    assert parsed([entry]).facts.quotes == 1
    entry["bookmakers"][0]["last_update"] = None
    assert parsed([entry]).report.quotes_refused == {"no_stamp": 1}


def test_prices_may_be_text() -> None:
    told = outcomes(("Chelsea", "2.1"), ("Draw", "3.4"), ("Arsenal", "3.6"))
    assert parsed([with_market(outcomes=told)]).facts.price.tolist() == [list(FAIR)]


def test_a_lay_market_is_no_price_to_back_at() -> None:
    entry = odds_row(KICKOFF, {"betfair_ex_eu": FAIR, "newex": FAIR}, told=NOW)
    for bookmaker in entry["bookmakers"]:
        bookmaker["markets"].append(bookmaker["markets"][0] | {"key": "h2h_lay"})
    found = parsed([entry])
    assert found.facts.books == ("BFE",)  # of the other exchange nobody knows the commission
    assert found.report.quotes_refused == {"lay_market": 2, "commission_unknown": 1}


def test_two_names_of_one_book_do_not_speak_twice() -> None:
    found = parsed([odds_row(KICKOFF, {"betfair_ex_eu": FAIR, "betfair_ex_uk": FAIR}, told=NOW)])
    assert (found.facts.books, found.report.quotes_refused) == (("BFE",), {"duplicate": 1})


def test_a_book_never_heard_of_goes_by_its_key() -> None:
    assert parsed([odds_row(KICKOFF, {"newbook": FAIR}, told=NOW)]).facts.books == ("newbook",)


def test_lines_are_told_apart_and_a_handicap_is_the_home_sides() -> None:
    entry = row()
    stamp = entry["bookmakers"][0]["last_update"]
    totals = (("Over", 1.9, 2.5), ("Under", 1.95, 2.5), ("Over", 2.5, 3.25), ("Under", 1.5, 3.25))
    spreads = (("Arsenal", 1.9, 0.5), ("Chelsea", 1.95, -0.5))
    entry["bookmakers"][0]["markets"] += [
        {"key": "totals", "last_update": stamp, "outcomes": outcomes(*totals)},
        {"key": "spreads", "last_update": stamp, "outcomes": outcomes(*spreads)},
    ]
    facts = parsed([entry]).facts
    told = zip(
        facts.quote_market.tolist(), facts.quote_line.tolist(), facts.price.tolist(), strict=True
    )
    assert [(m, line, prices[:2]) for m, line, prices in told] == [
        (Market.MATCH_RESULT, 0.0, [2.1, 3.4]),
        (Market.TOTALS, 2.5, [1.9, 1.95]),
        (Market.TOTALS, 3.25, [2.5, 1.5]),
        (Market.HANDICAP, -0.5, [1.95, 1.9]),
    ]


def test_only_a_finished_match_has_a_result() -> None:
    begun = NOW - timedelta(hours=4)
    rows = [
        score_row(begun, (2, 1)),
        score_row(begun, None, home="Everton", away="Fulham"),
        score_row(begun, (1, 1), home="Brentford", away="Wolves")
        | {"scores": [{"name": "Brentford", "score": "1"}]},
        score_row(begun, (1, 0), home="Leeds", away="Burnley")
        | {"scores": [{"name": "Leeds", "score": "one"}, {"name": "Burnley", "score": "0"}]},
    ]
    found = parsed(rows, PayloadKind.SCORES)
    assert found.report.rows_refused == {"not_completed": 1, "score_unreadable": 2}
    assert found.facts.stats[0, :4].tolist() == [2, 1, -1, -1]
    over = begun + timedelta(hours=2, minutes=5)
    assert found.facts.result_known_at.tolist() == [over.timestamp()]
    assert found.facts.quotes == 0


@pytest.mark.parametrize(
    "content", [PAGE, b"", b"  ", b"{", b"\xff\xfe\x00", b"1", b'"x"', b'{"a": 1}', b"[" * 100_000]
)
def test_what_is_no_list_of_matches_is_told_in_one_line(content: bytes) -> None:
    with pytest.raises(NotJsonError) as caught:
        parsed(content)
    assert "odds_api: answer.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_in_place_of_an_answer_is_quoted() -> None:
    with pytest.raises(NotJsonError, match=r"no list of matches \(no such sport\)"):
        parsed({"message": "no such sport"})


def test_the_envelope_of_a_past_answer_is_opened() -> None:
    assert len(parsed({"timestamp": "2024-10-18T18:00:00Z", "data": [row()]}).facts) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(["commence_time", "home_team", "bookmakers", "scores", "completed"]),
    _JSON,
    st.sampled_from([PayloadKind.ODDS, PayloadKind.SCORES]),
)
def test_anything_in_a_field_is_kept_or_counted(name: str, value: Any, kind: PayloadKind) -> None:
    entry = (row() if kind is PayloadKind.ODDS else score_row(NOW, (1, 0))) | {name: value}
    report = parsed([entry], kind).report
    assert report.rows_kept + sum(report.rows_refused.values()) == report.rows_read == 1


@given(
    st.sampled_from(["key", "last_update", "markets"]), _JSON, st.sampled_from(["key", "outcomes"])
)
def test_anything_in_a_bookmaker_is_kept_or_counted(name: str, value: Any, inner: str) -> None:
    entry = row()
    entry["bookmakers"][0][name] = value
    odd = with_market(**{inner: value}, last_update=value)
    assert parsed([entry]).report.rows_kept == parsed([odd]).report.rows_kept == 1


def test_every_name_leads_to_something_known() -> None:
    assert set(LEAGUE_OF_SPORT.values()) | set(LEAGUE_OF_COMPETITION.values()) <= set(LEAGUES)
    assert len(set(LEAGUE_OF_SPORT.values())) == len(LEAGUE_OF_SPORT)
    assert all(book(code).name != code for code in BOOK_OF_KEY.values())


# --- Cloudbet


def selection(outcome: str, price: Any, params: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "params": params,
        "price": price,
        "status": "SELECTION_ENABLED",
        "side": "BACK",
    } | changes


RESULT = [selection("home", "2.10"), selection("draw", 3.4), selection("away", "3.6")]


def market(*told: dict[str, Any], period: str = "period=ft") -> dict[str, Any]:
    return {"submarkets": {period: {"sequence": "1", "selections": list(told)}}}


def cloudbet(markets: dict[str, Any], **changes: Any) -> Parsed:
    event = {
        "id": 1,
        "home": {"name": "Chelsea"},
        "away": {"name": "Arsenal"},
        "status": "TRADING",
        "startTime": KICKOFF.isoformat(),
        "markets": markets,
    } | changes
    document = {"key": "soccer-england-premier-league", "events": [event]}
    content = json.dumps(document).encode()
    payload = Payload("cloudbet", "answer.json", PayloadKind.ODDS, content, NOW)
    return CloudbetNormaliser().parse(payload, lambda _, name: name)


@pytest.mark.parametrize("key", ["soccer.matchOdds", "soccer.match_odds"])
def test_both_spellings_of_a_market_are_read(key: str) -> None:
    facts = cloudbet({key: market(*RESULT)}).facts
    assert (facts.books, facts.price.tolist()) == (("CBT",), [list(FAIR)])
    assert facts.quoted_at.tolist() == [NOW.timestamp()]  # the feed tells no other time
    assert facts.event_id.tolist() == [event_id("e0-2024-10-19-chelsea-arsenal")]
    assert facts.quote_live.all()


def test_lines_of_totals_and_handicaps() -> None:
    told = {
        "soccer.totalGoals": market(
            selection("over", "1.9", "total=2.5"), selection("under", "1.95", "total=2.5"),
            selection("over", "2.6", "total=3.5"), selection("under", "1.5", "total=3.5"),
        ),
        "soccer.asian_handicap": market(
            selection("home", "1.95", "handicap=-0.5"), selection("away", "1.9", "handicap=-0.5"),
        ),
    }  # fmt: skip
    facts = cloudbet(told).facts
    assert facts.quote_line.tolist() == [2.5, 3.5, -0.5]
    assert facts.price[:, 0].tolist() == [1.9, 2.6, 1.95]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (market(*RESULT[:2]), "incomplete"),
        (market(*RESULT[:2], selection("away", 3.6, status="SELECTION_DISABLED")), "suspended"),
        (market(*RESULT[:2], selection("away", 3.6, side="LAY")), "lay_market"),
        (market(*RESULT, selection("away", 3.6)), "duplicate_outcome"),
        (market(*RESULT, selection("both", 3.6)), "unknown_outcome"),
        (market(*RESULT, period="period=1h"), "other_period"),
    ],
    ids=str,
)
def test_selections_that_spoil_a_market(told: dict[str, Any], why: str) -> None:
    found = cloudbet({"soccer.match_odds": told})
    assert found.report.quotes_refused == {why: 1}
    assert found.facts.quotes == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"home": None}, "not_a_match"),
        ({"status": "TRADING_LIVE"}, "in_play"),
        ({"status": "RESULTED"}, "not_trading"),
        ({"startTime": None}, "date_unreadable"),
    ],
    ids=str,
)
def test_events_that_cannot_be_bet_on(changes: dict[str, Any], why: str) -> None:
    assert cloudbet({"soccer.match_odds": market(*RESULT)}, **changes).report.rows_refused == {
        why: 1
    }


def test_the_cut_off_stands_in_for_the_start() -> None:
    found = cloudbet({}, startTime=None, cutoffTime=KICKOFF.isoformat())
    assert found.facts.kickoff.tolist() == [KICKOFF.timestamp()]


def test_what_is_no_competition() -> None:
    for content in (PAGE, b"[]", b"{}"):
        payload = Payload("cloudbet", "answer.json", PayloadKind.ODDS, content, NOW)
        with pytest.raises(NotJsonError, match=r"cloudbet: answer\.json"):
            CloudbetNormaliser().parse(payload, lambda _, name: name)


@given(st.sampled_from(["home", "status", "startTime", "away"]), _JSON)
def test_anything_in_an_event_is_kept_or_counted(name: str, value: Any) -> None:
    report = cloudbet({"soccer.match_odds": market(*RESULT)}, **{name: value}).report
    assert report.rows_kept + sum(report.rows_refused.values()) == report.rows_read == 1


@given(_JSON)
def test_anything_in_a_market_is_survived(value: Any) -> None:
    odd = {"submarkets": {"period=ft": {"selections": [value, {"outcome": value, "price": value}]}}}
    for told in (value, odd):
        assert cloudbet({"soccer.total_goals": told}).report.rows_kept == 1
