"""Bets go to paper unless someone switches a venue with real money on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from betting_ai.bootstrap import App, build
from betting_ai.domain.protections import Limits
from betting_ai.errors import InvalidInputError, VenueOffError
from betting_ai.ports.venue import BetState
from betting_ai.settings import Settings, load_settings
from contract.rigs import PaperRig

WORDS = ("a-key-never-shown", "a-secret-never-shown", "another-key-never-shown")
COMPLETE = {
    "stake_url": "https://bookmaker.example",
    "stake_key": WORDS[0],
    "stake_secret": WORDS[1],
    "cloudbet_key": WORDS[2],
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings from outside."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BETTING_AI_{name.upper()}", raising=False)


@pytest.fixture
def app(tmp_path: Path, paper: PaperRig) -> Iterator[App]:
    """Over the paper rig's database and clock."""
    settings = load_settings(home=tmp_path, database_url=paper.url, paper_rejects=0)
    with build(settings, paper.clock) as app:
        yield app


def changed(app: App, **settings: object) -> App:
    told = load_settings(home=app.settings.home, **settings)
    return App(told, app.clock, app._stack)


def test_paper_is_the_default(app: App, paper: PaperRig) -> None:
    venue = app.venue()
    assert (venue.name, venue.real) == ("paper", False)
    slip = paper.slip()
    assert venue.place(slip).state is BetState.ACCEPTED
    assert paper.venue.status(slip.reference).state is BetState.ACCEPTED
    assert venue.balance("units") == app.settings.bankroll - slip.stake


def test_paper_plays_with_the_money_of_the_paper_session(app: App) -> None:
    for mode, money in (("real", 50), ("paper", 200)):
        with app.units() as unit:
            unit.bets.open_session(mode, mode, "EUR", Decimal(money), Limits(), app.clock.now())
            unit.commit()
    assert app.venue().balance("EUR") == Decimal(200)
    assert app.bankroll == Decimal(50)


@pytest.mark.parametrize("name", ["stake", "cloudbet"])
def test_real_money_is_off(app: App, name: str) -> None:
    other = {"stake": "cloudbet", "cloudbet": "stake"}[name]
    for settings in (COMPLETE, COMPLETE | {"real_venues": other}):
        with pytest.raises(VenueOffError, match=f"BETTING_AI_REAL_VENUES={name}") as caught:
            changed(app, **settings).venue(name)
        assert caught.value.code == "venue_off"
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["stake", "cloudbet"])
def test_until_it_is_switched_on(app: App, name: str) -> None:
    venue = changed(app, **COMPLETE, real_venues="stake, cloudbet").venue(name)
    assert (venue.name, venue.real) == (name, True)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("stake", "stake_url"),
        ("stake", "stake_key"),
        ("stake", "stake_secret"),
        ("cloudbet", "cloudbet_key"),
    ],
)
def test_a_missing_setting_is_named(app: App, name: str, missing: str) -> None:
    settings = {key: value for key, value in COMPLETE.items() if key != missing}
    with pytest.raises(InvalidInputError, match=f"set BETTING_AI_{missing.upper()}") as caught:
        changed(app, **settings, real_venues=name).venue(name)
    assert not any(word in str(caught.value) for word in WORDS)


def test_the_signed_api_has_no_address_of_its_own() -> None:
    assert load_settings().stake_url is None
    assert load_settings().real_venues == ()


def test_a_venue_that_there_is_not(app: App) -> None:
    with pytest.raises(InvalidInputError, match="no venue 'moon'; use paper, stake or cloudbet"):
        app.venue("moon")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTING_AI_REAL_VENUES", "cloudbet")
    monkeypatch.setenv("BETTING_AI_PAPER_STAKES", '{"B365": ["1", "50"]}')
    monkeypatch.setenv("BETTING_AI_STAKE_SECRET", WORDS[1])
    settings = load_settings()
    assert settings.real_venues == ("cloudbet",)
    assert settings.paper_stakes == {"B365": (Decimal(1), Decimal(50))}
    assert not any(word in repr(settings) for word in WORDS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("real_venues", "paper"),
        ("real_venues", "moon"),
        ("paper_drift", "-0.1"),
        ("paper_drift", "1"),
        ("paper_rejects", "1.5"),
        ("paper_delay", "-1"),
        ("paper_stakes", {"*": ("0", "5")}),
        ("paper_stakes", {"*": ("6", "5")}),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidInputError, match=f"setting {name}"):
        load_settings(**{name: value})
