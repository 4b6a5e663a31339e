"""Two-way sports from PostgreSQL to a slate and back, and as the commands are installed."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

import forked
from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory
from betting_ai.clock import FixedClock
from betting_ai.domain.events import event_id
from betting_ai.domain.markets import Market, Outcome, winner_market
from betting_ai.domain.settlement import Ending, Settled, settle, winners
from betting_ai.domain.slate import Candidate, Criteria, Reason, Slate, Stamp
from betting_ai.domain.sports import BASKETBALL, TENNIS, Ended
from betting_ai.features.facts import MISSING, NEVER
from betting_ai.features.market import closing_consensus
from betting_ai.models.manifest import Gate
from betting_ai.models.registry import Registry
from betting_ai.ports.repositories import FactsQuery
from betting_ai.settings import load_settings
from betting_ai.usecases.assess_events import Window
from betting_ai.usecases.predict_event import PredictEvent, PredictEventCommand
from betting_ai.usecases.select_top3 import SelectTop3, SelectTop3Command
from betting_ai.usecases.settle_picks import SettlePicks, SettlePicksCommand
from conftest import SHARED
from small_contests import EARLY, LEAGUES, artifact, contests
from small_league import seasons_of
from small_model import league, promoted, registry

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
LOOSE = Criteria("loose", min_confidence=0.0, min_expected_value=0.0, max_risk=1.0)
TWO_WAY = (TENNIS, BASKETBALL)


@pytest.fixture(params=TWO_WAY)
def sport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stored(engine: Engine, sport: str) -> Iterator[Engine]:
    """A database with the sport's seasons, and football's."""
    with engine.begin() as connection:
        repository = SqlFactsRepository(connection)
        for facts in (contests(sport), seasons_of()):
            repository.store(facts, source="test", received_at=RECEIVED, reconstructed=True)
    return engine


def match_days(sport: str, number: int = 12) -> list[datetime]:
    """Instants at which a day's prices have just been taken, in the season no model saw."""
    facts = contests(sport)
    kickoffs = np.unique(facts.kickoff[facts.season == 2022])
    every = kickoffs[:: max(1, len(kickoffs) // number)].tolist()
    return [datetime.fromtimestamp(at - EARLY, UTC) + timedelta(minutes=1) for at in every]


def slate(engine: Engine, models: Registry, sport: str, as_of: datetime, **more: object) -> Slate:
    window = Window(as_of, hours=12, leagues=(LEAGUES[sport],))
    command = SelectTop3Command(window, LOOSE, Decimal(1_000), **more)  # type: ignore[arg-type]
    return SelectTop3(unit_of_work_factory(engine), models, FixedClock(as_of))(command)


def test_picks_come_out_of_the_database(stored: Engine, sport: str) -> None:
    models, market = promoted(artifact(sport)), winner_market(sport)
    picks = 0
    for as_of in match_days(sport):
        found = slate(stored, models, sport, as_of)
        assert found.events_considered == found.events_priced or found.events_priced >= 6
        for pick in found.picks:
            c = pick.candidate
            assert (c.market, c.league[:3]) == (market, LEAGUES[sport][:3])
            assert c.outcome in market.outcomes
            assert c.selection in (c.home, c.away)
            assert pick.stake > 0
            assert pick.bet_until <= c.price
            assert pick.rationale.key_reasons
            assert pick.advice in {"bet", "wait"}
            told = pick.to_dict()
            assert told["market"] == market.name
            picks += 1
    assert picks > 5


def test_a_published_pick_is_read_back_as_the_selection_it_was(stored: Engine, sport: str) -> None:
    models = promoted(artifact(sport))
    asked = ((at, slate(stored, models, sport, at)) for at in match_days(sport, 70))
    as_of, expected = next(
        (at, found)
        for at, found in asked
        if Outcome.AWAY in {pick.candidate.outcome for pick in found.picks}
    )
    slate(stored, models, sport, as_of, publish=True)
    units = unit_of_work_factory(stored)
    with units() as unit:
        taken = unit.slates.taken(as_of + timedelta(seconds=1), "live")
    assert {slug: one.outcome for slug, one in taken.items()} == {
        p.candidate.event_id: p.candidate.outcome for p in expected.picks
    }
    with stored.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT market, line, selection FROM recommendations ORDER BY rank")
        ).all()
        draws = connection.scalar(
            sa.text("SELECT count(*) FROM predictions WHERE p_draw IS NOT NULL")
        )
        given = connection.scalar(sa.text("SELECT count(*) FROM predictions"))
    places = {Outcome.HOME: 0, Outcome.AWAY: 2}  # a number means the same in every sport
    assert rows == [(0, 0, places[p.candidate.outcome]) for p in expected.picks]
    assert draws == 0
    assert given == 7 * expected.events_priced


def test_a_published_pick_is_settled_by_rule_and_by_its_own_sports_close(
    stored: Engine, sport: str
) -> None:
    models = promoted(artifact(sport))
    published: dict[str, Candidate] = {}
    for as_of in match_days(sport, 70):
        found = slate(stored, models, sport, as_of, publish=True)
        published |= {p.candidate.event_id: p.candidate for p in found.picks}
    settled = SettlePicks(unit_of_work_factory(stored))(SettlePicksCommand(RECEIVED)).settlements
    assert {one.due.event_id for one in settled} == set(published)
    facts, market = contests(sport), winner_market(sport)
    close = closing_consensus(facts, market=market)
    row_of = {int(key): row for row, key in enumerate(facts.event_id)}
    seen = set()
    for one in settled:
        row, c = row_of[event_id(one.due.event_id)], published[one.due.event_id]
        assert one.due.outcome is c.outcome
        seen.add(one.verdict.result)
        if facts.ending[row] != Ended.FINISHED:
            assert one.verdict.result is Settled.VOID
            assert one.verdict.profit == 0
            continue
        k = market.outcomes.index(c.outcome)
        won = int(winners(market, *facts.stats[row, :2])) == k
        assert one.verdict.result is (Settled.WON if won else Settled.LOST)
        assert one.verdict.clv == pytest.approx(float(c.price) * close[row, k] - 1.0)
    assert {Settled.WON, Settled.LOST} <= seen


def test_a_pick_on_a_match_that_is_given_up_is_void(engine: Engine) -> None:
    facts = contests(TENNIS)
    with engine.begin() as connection:
        SqlFactsRepository(connection).store(
            facts, source="test", received_at=RECEIVED, reconstructed=True
        )
    slugs = [row.slug for row in _events(engine)]
    given_up = facts.event_id[facts.ending != Ended.FINISHED]
    with unit_of_work_factory(engine)() as unit:
        told = unit.record.endings(slugs, RECEIVED)
    scores = {event_id(slug): score for slug, (score, _) in told.items()}
    assert len(scores) == len(facts)
    for key, ending in zip(facts.event_id.tolist(), facts.ending.tolist(), strict=True):
        word = {0: Ending.FINISHED, 1: Ending.RETIRED, 2: Ending.WALKOVER}[ending]
        assert scores[key].ending is word
    for key in given_up.tolist():
        for outcome in (Outcome.HOME, Outcome.AWAY):
            assert settle(Market.MATCH_RESULT, 0.0, outcome, scores[key]) is Settled.VOID


def _events(engine: Engine) -> list[sa.Row[str]]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT slug FROM events")).all())


def test_a_closed_gate_gives_no_picks_and_says_so(stored: Engine, sport: str) -> None:
    closed = promoted(artifact(sport), gate=Gate(False, "no closes to judge it by"))
    opened = promoted(artifact(sport))
    as_of = next(at for at in match_days(sport, 70) if slate(stored, opened, sport, at).picks)
    found = slate(stored, closed, sport, as_of)
    assert found.picks == ()
    assert Stamp.MARKET_CLOSED in found.stamps
    assert found.near_misses
    for miss in found.near_misses:
        assert Reason.MARKET_CLOSED in {s.reason for s in miss.shortfalls}


def test_one_match_is_predicted(stored: Engine, sport: str) -> None:
    models = promoted(artifact(sport))
    as_of = match_days(sport)[3]
    pick_of = slate(stored, models, sport, as_of)
    event = (*(p.candidate for p in pick_of.picks), *(m.candidate for m in pick_of.near_misses))[0]
    predict = PredictEvent(unit_of_work_factory(stored), models)
    told = predict(PredictEventCommand(event.event_id, Window(as_of, hours=12))).to_dict()
    assert set(told["pick_price"]) == {"home", "away"}
    assert sum(told["ensemble"].values()) == pytest.approx(1.0, abs=1e-5)
    assert told["other_markets"] == {}


def test_a_football_slate_does_not_know_of_other_sports(engine: Engine) -> None:
    command = SelectTop3Command(
        Window(datetime(2022, 11, 12, 8, tzinfo=UTC)), LOOSE, Decimal(1_000)
    )
    slates = []
    for facts in (league(), contests(BASKETBALL)):
        with engine.begin() as connection:
            SqlFactsRepository(connection).store(
                facts, source="test", received_at=RECEIVED, reconstructed=True
            )
        select = SelectTop3(unit_of_work_factory(engine), registry(), FixedClock(RECEIVED))
        slates.append(select(command).to_dict())
    assert slates[0]["events_considered"] > 10
    assert slates[0] == slates[1]


def test_how_a_match_ended_comes_back_once_it_is_known(engine: Engine) -> None:
    facts = contests(TENNIS)
    with engine.begin() as connection:
        repository = SqlFactsRepository(connection)
        repository.store(facts, source="test", received_at=RECEIVED, reconstructed=True)
        assert repository.load(FactsQuery(RECEIVED)).equals(facts)
        given_up = int(np.flatnonzero(facts.ending != Ended.FINISHED)[3])
        before = datetime.fromtimestamp(int(facts.result_known_at[given_up]) - 1, UTC)
        then = repository.load(FactsQuery(before))
    row = int(np.flatnonzero(then.event_id == facts.event_id[given_up])[0])
    assert (then.ending[row], then.result_known_at[row]) == (Ended.FINISHED, NEVER)
    assert then.stats[row, 0] == MISSING


def test_a_score_of_a_match_that_was_not_finished_is_refused(engine: Engine) -> None:
    facts = contests(TENNIS)
    wrong = replace(facts, ending=np.full(len(facts), int(Ended.RETIRED)))
    with pytest.raises(sa.exc.DBAPIError, match="ending"), engine.begin() as connection:
        SqlFactsRepository(connection).store(
            wrong, source="test", received_at=RECEIVED, reconstructed=True
        )


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin", "BETTING_AI_HOME": str(home), "COLUMNS": "200",
        "BETTING_AI_MODELS": str(load_settings().models),
    }  # fmt: skip
    return forked.betting_ai(*words, env=environment)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("market", "folder", "league", "since", "until"),
    [
        ("tennis_winner", "tennis", "WTA", "2024-05-20", "2024-07-20"),
        ("nba_winner", "nba", "NBA", "2022-11-01", "2022-12-31"),
    ],
)
def test_the_shipped_models_score_real_files_and_stay_near_the_market(
    tmp_path: Path, market: str, folder: str, league: str, since: str, until: str
) -> None:
    written = tmp_path / "p.csv"
    done = run(
        "evaluate", "--folder", str(SHARED / folder), "--market", market, "--leagues", league,
        "--from", since, "--to", until, "--json", "--predictions", str(written), home=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    sources = told["sources"]
    assert set(told["leagues"]) == {league}
    assert told["priced"] > 0.99 * told["matches"] > 200
    assert sources["market"]["log_loss"] < sources["elo"]["log_loss"] < np.log(2.0)
    assert abs(sources["ensemble"]["log_loss_difference"]["mean"]) < 0.01
    assert sources["pick_price"]["log_loss_difference"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert told["picks"]["all"]["picks"] == 0
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert len(rows) == told["priced"]
    for row in rows:
        assert float(row["p_home"]) + float(row["p_away"]) == pytest.approx(1.0, abs=2e-6)


@pytest.mark.shared
@pytest.mark.slow
def test_the_commands_take_tennis_from_a_folder(tmp_path: Path) -> None:
    """Two years of one tour are ingested, a day is asked for, and one match is predicted."""
    folder, home = tmp_path / "data" / "atp", tmp_path / "home"
    folder.mkdir(parents=True)
    for year in (2023, 2024):
        shutil.copy(SHARED / "tennis" / "atp" / f"{year}.csv", folder)
    where = ("--folder", str(tmp_path / "data"))
    done = run("ingest", *where, "--leagues", "ATP", "--json", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    day = ("--as-of", "2024-06-05T11:30:00Z", "--json")
    done = run("top3-bets", *where, "--leagues", "ATP", *day, home=home)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["events_considered"] == 2
    assert told["picks"] == []
    assert {miss["reasons"][0]["reason"] for miss in told["near_misses"]} == {"market_closed"}
    assert {"market_only", "market_closed"} <= set(told["stamps"])
    event = "atp-2024-06-05-djokovic-n-ruud-c"
    done = run("predict", event, *where, *day, home=home)
    assert done.returncode == 0, done.stderr
    predicted = json.loads(done.stdout)
    assert predicted["event_name"] == "Djokovic N. vs Ruud C."
    assert set(predicted["market"]) == {"home", "away"}
    done = run("top3-bets", *where, "--leagues", "ATP,E0", home=home)
    assert done.returncode == 2
    assert "leagues of one sport at a time" in done.stderr
