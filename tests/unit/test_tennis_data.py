"""Tennis files: sides that do not know who won, prices that go with them, and all the dirt."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from betting_ai.adapters.feeds.contest_folder import ContestFolder
from betting_ai.adapters.feeds.tennis_data import parse_tennis_file
from betting_ai.domain.events import named_sides
from betting_ai.domain.sports import TENNIS, Ended
from betting_ai.errors import NotTabularError, UnknownLeagueError
from betting_ai.features.facts import MISSING, NEVER, Facts
from betting_ai.ports.feeds import Parsed
from conftest import SHARED

HEADER = (
    "ATP,Location,Tournament,Date,Surface,Round,Best of,Winner,Loser,W1,L1,Wsets,Lsets,Comment,"
    "B365W,B365L,PSW,PSL,MaxW,MaxL,AvgW,AvgL"
)


def row(
    date: str = "2023-01-02",
    winner: str = "Zverev A.",
    loser: str = "Ruud C.",
    sets: str = "2,1",
    comment: str = "Completed",
    prices: str = "1.50,2.60,1.55,2.65,1.60,2.75,1.52,2.55",
) -> str:
    return f"1,Adelaide,Open,{date},Hard,1st Round,3,{winner},{loser},6,3,{sets},{comment},{prices}"


def parsed(*rows: str, season: int = 2023) -> Parsed:
    content = "\n".join((HEADER, *rows)).encode()
    return parse_tennis_file(content, league="ATP", season=season, name="atp/2023.csv")


def quoted(facts: Facts, book: str, event: int = 0) -> list[float]:
    its = (facts.quote_event == event) & (facts.quote_book == facts.books.index(book))
    return facts.price[its][0].tolist()[:2]


def swapped(text: str) -> str:
    """The same file had every match gone the other way."""
    rows = list(csv.reader(io.StringIO(text)))
    header = rows[0]
    pairs = [(i, header.index(other)) for i, name in enumerate(header) if (other := _loser(name))]
    for cells in rows[1:]:
        for one, other in pairs:
            cells[one], cells[other] = cells[other], cells[one]
        won, lost = header.index("Wsets"), header.index("Lsets")
        cells[won], cells[lost] = cells[lost], cells[won]  # the sets still belong to the winner
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _loser(name: str) -> str | None:
    if name == "Winner":
        return "Loser"
    if name.startswith("W") and name[1:] in {"1", "2", "3", "4", "5", "sets", "Rank", "Pts"}:
        return f"L{name[1:]}"
    return f"{name[:-1]}L" if name.endswith("W") else None


def test_the_sides_are_the_names_in_order_and_the_prices_go_with_them() -> None:
    facts = parsed(row()).facts
    home, away = facts.teams[facts.home[0]], facts.teams[facts.away[0]]
    assert (home, away) == ("ATP:Ruud C.", "ATP:Zverev A.")
    assert quoted(facts, "B365") == [2.60, 1.50]
    assert quoted(facts, "AVG") == [2.55, 1.52]
    assert facts.stats[0, :2].tolist() == [1, 2]
    assert np.isnan(facts.price[:, 2]).all()


def test_had_the_other_won_nothing_but_the_result_were_otherwise() -> None:
    text = (
        "\n".join((HEADER, row(), row(winner="Alcaraz C.", loser="Sinner J.", sets="2,0"))) + "\n"
    )
    one, other = (
        parse_tennis_file(t.encode(), league="ATP", season=2023, name="x").facts
        for t in (text, swapped(text))
    )
    differ_only_in_results(one, other)


def differ_only_in_results(one: Facts, other: Facts) -> None:
    assert (one.teams, one.books) == (other.teams, other.books)
    names = set(Facts.__dataclass_fields__) - {"stats", "leagues", "teams", "books"}
    for name in names:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f"), name
    assert one.stats[:, 0].tolist() == other.stats[:, 1].tolist()
    assert one.stats[:, 1].tolist() == other.stats[:, 0].tolist()


@pytest.mark.parametrize(
    ("comment", "ending"),
    [
        ("Completed", Ended.FINISHED), ("Retired", Ended.RETIRED), ("Rrtired", Ended.RETIRED),
        ("Walkover", Ended.WALKOVER), ("Disqualified", Ended.RETIRED), ("Awarded", Ended.WALKOVER),
    ],
)  # fmt: skip
def test_what_was_not_played_to_its_end_has_no_score_and_is_over(
    comment: str, ending: Ended
) -> None:
    facts = parsed(row(comment=comment, sets="1,0")).facts
    assert facts.ending.tolist() == [ending]
    assert facts.result_known_at[0] < NEVER
    assert (facts.stats[0, 0] == MISSING) == (ending is not Ended.FINISHED)
    assert facts.quotes == 4


def test_one_snapshot_is_stamped_an_hour_before_the_usual_start_and_results_come_later() -> None:
    facts = parsed(row()).facts
    noon = int(datetime(2023, 1, 2, 12, tzinfo=UTC).timestamp())
    assert facts.kickoff.tolist() == [noon]
    assert facts.time_assumed.all()
    assert set(facts.quoted_at.tolist()) == {noon - 3_600}
    assert facts.result_known_at.tolist() == [noon + 11 * 3_600]


def test_before_2003_the_date_is_the_tournaments_and_results_wait_two_weeks() -> None:
    facts = parsed(row(date="2002-06-24"), season=2002).facts
    assert facts.result_known_at[0] - facts.kickoff[0] > 14 * 86_400


@pytest.mark.parametrize("text", ["2023-01-02", "2023-01-02 00:00:00", "1/2/23", "01/02/2023"])
def test_dates_are_iso_or_american(text: str) -> None:
    assert parsed(row(date=text)).facts.day.tolist() == [19_359]


def test_bad_rows_and_prices_are_refused_and_counted() -> None:
    found = parsed(
        row(),
        row(),  # again
        row(date="2022-10-03"),  # mistyped year
        row(date="soon", winner="Rune H."),
        row(winner="", loser="Rune H."),
        row(winner="Rune H.", loser="Rune H."),
        row(winner="Rune H.", comment="Sched"),
        row(winner="Rublev A.", prices="1,2.60,0,2.65,1.60,,x,2.55"),
        row(winner="Tiafoe F.", sets="1,2", prices=",,,,,,,"),
    )
    report = found.report
    assert report.rows_refused == {
        "duplicate": 1, "date_outside_season": 1, "date_unreadable": 1, "team_missing": 1,
        "team_against_itself": 1, "ending_unknown": 1,
    }  # fmt: skip
    assert report.rows_kept + sum(report.rows_refused.values()) == report.rows_read == 9
    assert report.quotes_refused == {"price_not_above_1": 2, "incomplete": 1, "text_price": 1}
    assert report.rows_repaired == {"result_contradicts_sets": 1}
    assert report.quotes_kept == found.facts.quotes == 4


def test_a_player_is_one_whatever_the_spelling() -> None:
    names = ("Federer R. ", "Federer  R.", "Federer R..")
    rows = [row(date=f"2023-01-0{i}", winner=name) for i, name in enumerate(names, start=1)]
    found = parsed(*rows, row(winner="Del Potro J. M."), row(winner="Carreno-Busta P."))
    assert {team.partition(":")[2] for team in found.facts.teams} == {
        "Federer R.", "Ruud C.", "Del Potro J.M.", "Carreno Busta P.",
    }  # fmt: skip


def test_what_is_no_file_of_matches_or_no_tour_is_said() -> None:
    with pytest.raises(NotTabularError):
        parse_tennis_file(b"<html>", league="ATP", season=2023, name="x")
    with pytest.raises(UnknownLeagueError, match="ATP and WTA"):
        parse_tennis_file(HEADER.encode(), league="E0", season=2023, name="x")


def test_sides_are_the_same_whoever_is_named_first() -> None:
    assert named_sides("de Minaur A.", "Cilic M.") == named_sides("Cilic M.", "de Minaur A.")
    assert named_sides("ruud C.", "Ruud C.") == named_sides("Ruud C.", "ruud C.")


@pytest.mark.shared
def test_in_real_files_home_wins_half_of_the_time() -> None:
    contents = ContestFolder(SHARED / "tennis", TENNIS).read()
    assert contents.unusable == ()
    facts = contents.facts
    home, away = facts.stats[facts.stats[:, 0] != MISSING, :2].T
    assert len(home) > 80_000
    assert abs((home > away).mean() - 0.5) < 0.005
    read = sum(report.rows_read for report in contents.reports)
    refused = sum(sum(report.rows_refused.values()) for report in contents.reports)
    assert (read, refused) == (83_750, 64)
    # Nor do the prices before the match tell the sides apart.
    its = facts.quote_book == facts.books.index("AVG")
    favourite = facts.price[its, 0] < facts.price[its, 1]
    assert abs(favourite.mean() - 0.5) < 0.01


@pytest.mark.shared
@pytest.mark.parametrize("name", ["atp/2012.csv", "atp/2023.csv", "wta/2016.csv", "wta/2024.csv"])
def test_a_real_file_with_winners_and_losers_swapped_differs_in_results_only(name: str) -> None:
    path: Path = SHARED / "tennis" / name
    text = path.read_text(encoding="utf-8-sig")
    league, season = name[:3].upper(), int(path.stem)
    one, other = (
        parse_tennis_file(t.encode(), league=league, season=season, name=name).facts
        for t in (text, swapped(text))
    )
    assert len(one) > 2_000
    differ_only_in_results(one, other)
