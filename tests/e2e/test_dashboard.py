"""Every page in a real browser: in the dark and in the light, on a desk and on a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from starlette.types import ASGIApp, Receive, Scope, Send

from betting_ai.api.dashboard.assets import Assets
from betting_ai.api.dashboard.pages import COOKIE
from betting_ai.api.options import ApiOptions
from betting_ai.clock import FixedClock
from betting_ai.domain.slate import NearMiss, Rationale, Reason, Shortfall
from e2e.conftest import FILES, PAST, SCREENS
from e2e.watching import Watched, watched
from integration.api_world import Api, served
from integration.record_world import MORNING, World, pick, slate, world
from made_slates import made_pick

__all__ = ["world"]

pytestmark = pytest.mark.xdist_group("browser")

PAGES = {
    "today": "",
    "events": "events",
    "events-of-a-day": f"events?day={PAST.now.date()}&league={PAST.leagues[0]}",
    "event": "events/{event}",
    "record": "record",
    "record-by-league": "record?by=league&status=won",
    "models": "models",
    "sessions": "sessions",
    "wallet": "wallet",
    "data": "data",
    "docs": "docs",
}


@pytest.fixture(scope="session")
def first_event(open_door: Api) -> str:
    """An event that was recommended today."""
    told = open_door.api.state.reading.slate().body
    assert told["picks"], "the day that is shown has picks"
    event: str = told["picks"][0]["event_id"]
    return event


@pytest.mark.parametrize("device", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(
    browser: Browser, open_door: Api, first_event: str, name: str, theme: str, device: str
) -> None:
    with watched(browser, open_door.url, theme, device) as seen:
        answer = seen.page.goto(PAGES[name].format(event=first_event))
        if name == "docs":
            seen.page.wait_for_selector("#swagger .opblock")
        seen.page.evaluate("document.fonts.ready")
        assert answer is not None
        assert answer.status == 200
        SCREENS.mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=SCREENS / f"{name}-{theme}-{device}.png", full_page=True)
        assert seen.outside() == []
        assert seen.audit("#swagger") == []
        assert seen.moved() < 0.02 or name == "docs"
        assert seen.wrong == []


@pytest.mark.parametrize("device", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_empty_day_looks_intended(
    browser: Browser, closed_door: Api, theme: str, device: str
) -> None:
    with signed_in(browser, closed_door, theme, device) as seen:
        expect(seen.page.get_by_role("heading", level=1)).to_have_text("No bet today")
        expect(seen.page.locator("main")).to_contain_text("passing costs nothing")
        expect(seen.page.locator("main")).to_contain_text("in the last backtest")
        assert seen.page.locator(".miss").count() > 0, "the best candidates are shown"
        assert re.search(r"short of|over 0\.7", seen.page.locator(".whynot").first.inner_text())
        SCREENS.mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=SCREENS / f"empty-{theme}-{device}.png", full_page=True)
        assert (seen.outside(), seen.audit(), seen.wrong) == ([], [], [])


@contextmanager
def signed_in(browser: Browser, api: Api, *how: str) -> Iterator[Watched]:
    """A watched page of somebody who has just signed in."""
    with watched(browser, api.url, *how) as seen:
        seen.page.goto("")
        sign_in(seen.page, api.key("read").token)
        seen.page.wait_for_url(f"{api.url}/")
        yield seen


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("device", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_login_page_is_whole(
    browser: Browser, closed_door: Api, theme: str, device: str
) -> None:
    with watched(browser, closed_door.url, theme, device) as seen:
        seen.page.goto("login")
        SCREENS.mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=SCREENS / f"login-{theme}-{device}.png")
        assert (seen.outside(), seen.audit(), seen.wrong) == ([], [], [])


def test_signing_in_and_out(browser: Browser, closed_door: Api) -> None:
    with watched(browser, closed_door.url) as seen:
        page = seen.page
        page.goto("record?by=league")
        assert page.url == f"{closed_door.url}/login?next=record%3Fby%3Dleague"
        with page.expect_response("**/login") as answer:
            sign_in(page, f"bai_{'0' * 16}_{'A' * 43}")
        assert answer.value.status == 401
        expect(page.get_by_role("alert")).to_contain_text("This key is not valid")
        sign_in(page, closed_door.key("bet").token)
        expect(page.get_by_role("alert")).to_contain_text("may not read")
        assert page.context.cookies() == []
        sign_in(page, closed_door.key("read").token)
        page.wait_for_url(f"{closed_door.url}/record?by=league")
        (cookie,) = page.context.cookies()
        assert cookie["name"] == COOKIE
        assert cookie["path"] == "/"
        assert cookie["httpOnly"]
        assert cookie["secure"]
        assert cookie["sameSite"] == "Strict"
        lives = cookie["expires"] - page.evaluate("Date.now() / 1000")
        assert lives == pytest.approx(12 * 3600, abs=120)
        page.get_by_role("link", name="Sign out").click()
        page.wait_for_url(f"{closed_door.url}/login")
        assert page.context.cookies() == []
        page.goto("sessions")
        assert page.url.startswith(f"{closed_door.url}/login")


@pytest.mark.parametrize("there", ["//elsewhere.example/", "https://elsewhere.example/", "../x"])
def test_signing_in_leads_nowhere_else(closed_door: Api, there: str) -> None:
    form = {"key": closed_door.key("read").token, "next": there}
    with closed_door.client() as client:
        answer = client.post("/login", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, "./")
        assert "elsewhere" not in client.get("/login", params={"next": there}).text


def test_a_page_elsewhere_signs_nobody_in(closed_door: Api) -> None:
    form = {"key": closed_door.key("read").token}
    with closed_door.client() as client:
        answer = client.post("/login", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_tries_to_sign_in_are_counted(lived: tuple[str, Path]) -> None:
    url, home = lived
    with served(url, home, api_rate_limit=3) as api, api.client() as client:
        statuses = [client.post("/login", data={"key": "no"}).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]


def test_a_cookie_that_is_not_ours_opens_nothing(closed_door: Api) -> None:
    with closed_door.client() as client:
        for path in ("/", "/events", "/record", "/models", "/sessions", "/data", "/docs"):
            answer = client.get(
                path, headers={"Cookie": f"{COOKIE}={'0' * 16}.1.9999999999.{'0' * 64}"}
            )
            assert answer.status_code == 303, path
            assert answer.headers["Location"].startswith("login")


def stage(api: FastAPI, *, told: bool) -> ASGIApp:
    """What a gateway with a stage does: the path has a prefix, which it tells or cuts off."""

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if not scope["path"].startswith("/prod/"):
                await send({"type": "http.response.start", "status": 403, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
            path = scope["path"]
            scope = scope | (
                {"root_path": "/prod"}
                if told
                else {"path": path[5:], "raw_path": path[5:].encode()}
            )
        await api(scope, receive, send)

    return gateway


@pytest.mark.parametrize("told", [True, False], ids=["told", "cut off"])
def test_everything_works_under_a_stage(
    browser: Browser, lived: tuple[str, Path], first_event: str, told: bool
) -> None:
    url, home = lived
    options = ApiOptions(shows="replay")
    clock = FixedClock(PAST.now)
    with (
        served(
            url, home, clock=clock, options=options, around=lambda api: stage(api, told=told)
        ) as api,
        watched(browser, f"{api.url}/prod") as seen,
    ):
        page = seen.page
        page.goto(f"events/{first_event}")
        sign_in(page, api.key("read").token)
        page.wait_for_url(f"{api.url}/prod/events/{first_event}")
        (cookie,) = page.context.cookies()
        assert cookie["path"] == ("/prod" if told else "/")
        links = {"Today": "", "Events": "events", "Record": "record", "Models": "models",
                 "Sessions": "sessions", "Wallet": "wallet", "Data": "data"}  # fmt: skip
        for name, path in links.items():
            page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
            page.wait_for_url(f"{api.url}/prod/{path}")
        page.get_by_role("link", name="API documentation").click()
        page.wait_for_selector("#swagger .opblock")
        page.get_by_role("link", name="Sign out").click()
        page.wait_for_url(f"{api.url}/prod/login")
        assert page.context.cookies() == []
        assert seen.wrong == []


def test_every_control_is_reached_and_shows_its_focus(browser: Browser, open_door: Api) -> None:
    with watched(browser, open_door.url) as seen:
        page = seen.page
        page.goto("")
        controls = page.evaluate("""() => {
          const kinds = "a[href], button, summary, input, select, [tabindex='0']";
          const all = [...document.querySelectorAll(kinds)].filter((one) => one.checkVisibility());
          all.forEach((one, i) => { one.dataset.test = i; });
          return all.length;
        }""")
        reached = set()
        for i in range(controls + 1):
            page.keyboard.press("Tab")
            found = page.evaluate("""() => {
              const one = document.activeElement, style = getComputedStyle(one);
              const box = one.getBoundingClientRect();
              return [one.dataset.test, style.outlineStyle, parseFloat(style.outlineWidth),
                box.width, box.height, one.className];
            }""")
            if found[0] is None:
                break
            reached.add(found[0])
            assert found[1] == "solid", found
            assert found[2] >= 2, found
            assert found[3] >= 24 or found[4] >= 24 or found[5] == "", found
            if i == 0:
                assert found[5] == "skip"
        assert len(reached) == controls
        page.goto("")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_a_term_is_explained_by_keyboard(browser: Browser, open_door: Api) -> None:
    with watched(browser, open_door.url) as seen:
        seen.page.goto("record")
        seen.page.get_by_role("button", name="What is Closing-line value (CLV)?").focus()
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_text("How much better the price taken was")).to_be_visible()
        seen.page.keyboard.press("Escape")
        expect(seen.page.get_by_text("How much better the price taken was")).to_be_hidden()


def test_the_theme_is_remembered(browser: Browser, open_door: Api) -> None:
    with watched(browser, open_door.url, "light") as seen:
        page = seen.page
        ground = "getComputedStyle(document.body).backgroundColor"
        page.goto("record")
        light, button = page.evaluate(ground), page.get_by_role("button", name="Dark theme")
        expect(button).to_have_attribute("aria-pressed", "false")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        dark = page.evaluate(ground)
        assert dark != light
        page.goto("events")
        assert page.evaluate(ground) == dark
        page.emulate_media(color_scheme="dark")
        page.get_by_role("button", name="Dark theme").click()
        page.reload()
        assert page.evaluate(ground) == light
        assert seen.wrong == []


def test_countdowns_and_local_times_run(browser: Browser, open_door: Api) -> None:
    with watched(browser, open_door.url) as seen:
        page = seen.page
        page.clock.install()
        page.goto("")
        told = page.locator(".pick .kick").first
        before = told.inner_text()
        assert before.startswith("Kick-off in ")
        page.clock.fast_forward("01:01:00")
        expect(told).not_to_have_text(before)
        page.clock.fast_forward("24:00:00")
        expect(told).to_have_text(re.compile("^Kicked off .* ago$"))
        expect(page.locator(".pick .local").first).to_have_text(re.compile(r"\d\d:\d\d your time"))


def test_charts_draw_what_the_table_says(
    browser: Browser, open_door: Api, first_event: str
) -> None:
    with watched(browser, open_door.url) as seen:
        drawn = 1 if PAST is FILES else 0  # the sample has one price of each, and no closing ones
        for path, charts in ((f"events/{first_event}", drawn), ("record", drawn + 1)):
            seen.page.goto(path)
            assert seen.page.locator(".chart canvas").count() == charts
        chart = seen.page.locator("figure", has_text="Profit").last
        box = chart.locator(".u-over").bounding_box()
        assert box is not None
        seen.page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2)
        last = seen.page.locator("#series tbody tr").last.locator("td").nth(1)
        expect(chart.locator("[data-told]")).to_have_text(
            str(last.text_content()).removeprefix("+")
        )
        assert seen.wrong == []


@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs"])
def test_a_page_is_read_without_scripts(
    browser: Browser, open_door: Api, first_event: str, name: str
) -> None:
    with watched(browser, open_door.url, java_script_enabled=False) as seen:
        seen.page.goto(PAGES[name].format(event=first_event))
        main = seen.page.locator("main")
        assert len(main.inner_text()) > 200
        for chart in seen.page.locator(".chart").all():
            expect(chart).to_be_hidden()
        for summary in seen.page.locator("summary").all():
            if summary.is_visible():
                summary.click()
        for table in seen.page.locator("table").all():
            expect(table.locator("tbody tr").first).to_be_visible()
        expect(seen.page.locator("#theme")).to_be_hidden()
        assert seen.wrong == []


def test_without_the_vendors_files_pages_read_well(
    browser: Browser, lived: tuple[str, Path], first_event: str, tmp_path: Path
) -> None:
    url, home = lived
    options = ApiOptions(keyless_dashboard=True, shows="replay")
    with served(url, home, clock=FixedClock(PAST.now), options=options) as api:
        dashboard = api.api.state.dashboard
        bare = tmp_path / "static"
        shutil.copytree(dashboard.assets.folder, bare, ignore=shutil.ignore_patterns("vendor"))
        dashboard.assets = Assets(bare)
        with watched(browser, api.url) as seen:
            for path in ("record", f"events/{first_event}", "docs"):
                seen.page.goto(path)
                assert seen.page.locator(".chart").count() == 0
                assert (seen.audit(), seen.wrong) == ([], [])
            seen.page.goto("record")
            seen.page.get_by_text("Day by day, in numbers").click()
            expect(seen.page.locator("#series tbody tr").first).to_be_visible()


def test_what_is_not_there_is_told_in_words(open_door: Api) -> None:
    with open_door.client() as client:
        for path, status in {
            "/events/e0-2025-03-15-nobody-nowhere": 404,
            "/events/Not_A_Name": 422,
            "/events?cursor=abc": 422,
            "/events?day=2025-99-99": 404,
            "/events?league=XX9": 404,
            "/record?by=luck": 422,
            "/record?status=lucky": 404,
        }.items():
            answer = client.get(path)
            assert answer.status_code == status, path
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert 'href="../"' in answer.text or 'href="./"' in answer.text


def test_a_foreign_host_name_is_refused(open_door: Api, closed_door: Api) -> None:
    with open_door.client() as client:
        for host in ("elsewhere.example", "127.0.0.1.elsewhere.example", "localhost.", ""):
            answer = client.get("/", headers={"Host": host})
            assert answer.status_code in {400, 421}, host
        assert client.get("/").status_code == 200


def test_only_pages_of_its_own_may_frame_or_feed_it(open_door: Api) -> None:
    with open_door.client() as client:
        for path in PAGES.values():
            answer = client.get(f"/{path.format(event='x')}")
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self';")
            assert ("unsafe" in policy) == (path == "docs")
            assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=", answer.text), path


def test_pages_and_files_are_kept_as_far_as_is_right(open_door: Api) -> None:
    with open_door.client() as client:
        page = client.get("/")
        assert page.headers["Cache-Control"] == "private, no-cache"
        again = client.get("/", headers={"If-None-Match": page.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        for file in re.findall(r'(?:href|src)="(static/[^"]+)"', page.text):
            answer = client.get(f"/{file}")
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            stale = re.sub(r"/[0-9a-f]{16}/", "/0123456789abcdef/", file)
            assert client.get(f"/{stale}").status_code == 404
        assert client.get("/static/0123456789abcdef/../pages.py").status_code == 404


def test_events_page_by_page(browser: Browser, open_door: Api) -> None:
    with watched(browser, open_door.url) as seen:
        seen.page.goto("events?day=" + str(PAST.mornings[0].date()))
        shown = seen.page.locator(".events li").count()
        assert shown > 3
        seen.page.get_by_label("League").select_option(PAST.leagues[0])
        seen.page.get_by_role("button", name="Show").click()
        expect(seen.page.locator(".events li")).not_to_have_count(shown)
        assert "day=" in seen.page.url
        assert "league=" in seen.page.url


# What follows is of slates by hand.


@pytest.fixture
def by_hand(world: World, database_url: str, tmp_path: Path) -> Callable[..., Any]:
    """Serves the small database at a moment."""

    def serve(after: timedelta = timedelta(minutes=5)) -> Any:
        options = ApiOptions(keyless_dashboard=True)
        return served(database_url, tmp_path, clock=FixedClock(MORNING + after), options=options)

    return serve


def test_before_the_first_slate_the_page_says_how_to_make_one(
    browser: Browser, by_hand: Callable[..., Any]
) -> None:
    with by_hand() as api, watched(browser, api.url) as seen:
        for path, words in {
            "": "betting-ai top3-bets",
            "record": "No pick was recommended yet",
            "sessions": "No session was started yet",
            "wallet": "There is no wallet",
            "models": "Gives picks",
            "data": "`train` makes a newer one",
            "events": "Premier League",
        }.items():
            seen.page.goto(path)
            expect(seen.page.locator("main")).to_contain_text(words)
            assert (seen.audit(), seen.wrong) == ([], [])


def test_names_and_reasons_are_text(
    browser: Browser, world: World, by_hand: Callable[..., Any]
) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    one = pick(0)
    told = replace(
        one,
        candidate=replace(one.candidate, home=f"Ash {evil}", league=evil),
        rationale=Rationale(evil, (evil, f"Against it: {evil}"), {"cancels": [evil], "prices": {}}),
    )
    missed = NearMiss(
        replace(pick(1).candidate, home=evil, away=evil), (Shortfall(Reason.HIGH_RISK, 0.1),)
    )
    world.publish(replace(slate(told), near_misses=(missed,), data_sources=(evil,)))
    with by_hand() as api, watched(browser, api.url) as seen:
        seen.page.on("dialog", lambda dialog: seen.wrong.append("a dialog opened"))
        seen.page.goto("")
        expect(seen.page.locator(".pick .reasons li")).to_have_count(2)
        assert evil in seen.page.locator(".pick h2").inner_text()
        assert evil in seen.page.locator(".reasons").inner_text()
        assert evil in seen.page.locator(".miss h3").inner_text()
        assert seen.page.locator("img").count() == 0
        assert seen.outside() == []
        seen.page.goto(f"login?next={evil}")
        assert seen.wrong == []


def test_what_has_begun_is_no_bet_any_more(
    browser: Browser, world: World, by_hand: Callable[..., Any]
) -> None:
    world.publish(
        slate(
            pick(0, 1),
            made_pick(
                replace(pick(1).candidate, kickoff=MORNING + timedelta(hours=9)),
                rank=2,
                expires_at=MORNING + timedelta(hours=9),
            ),
        )
    )
    for after, words in {
        timedelta(hours=8): "Some of these matches have begun",
        timedelta(hours=10): "None of this is a bet any more",
        timedelta(hours=30): "its day is over",
    }.items():
        with by_hand(after) as api, watched(browser, api.url) as seen:
            seen.page.goto("")
            expect(seen.page.locator("main")).to_contain_text(words)
            expect(seen.page.locator(".pick").first).to_contain_text("no longer a bet")
            assert seen.audit() == []


def test_the_picture_of_the_readme(browser: Browser, open_door: Api) -> None:
    """`docs/dashboard.md` says how it becomes the one in the documentation."""
    with watched(browser, open_door.url) as seen:
        seen.page.set_viewport_size({"width": 1160, "height": 1290})
        seen.page.goto("")
        SCREENS.mkdir(parents=True, exist_ok=True)
        path = SCREENS / "picture.png"
        seen.page.screenshot(path=path)
        assert path.stat().st_size < 300_000


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_bets_are_read_beside_their_session(browser: Browser, open_door: Api, device: str) -> None:
    with watched(browser, open_door.url, "light", device) as seen:
        seen.page.goto("sessions")
        rows = seen.page.get_by_role("table").get_by_role("row")
        told = open_door.api.state.reading.newest_bets(20)
        assert rows.count() == 1 + len(told) > 1
        first = rows.nth(1)
        link = first.get_by_role("link", name=told[0]["event_name"])
        expect(link).to_have_attribute("href", f"events/{told[0]['event_id']}")
        expect(first).to_contain_text(told[0]["selection"])
        assert {one["status"] for one in told} > {"placed"}, "some are settled"


def test_the_apis_page_is_as_dark_as_the_page_around_it(browser: Browser, open_door: Api) -> None:
    brightness = """() => {
        const grey = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).map(Number)
            .reduce((sum, part) => sum + part / 3, 0);
        const style = (selector) => getComputedStyle(document.querySelector(selector));
        return {
            ground: grey(style("#swagger").backgroundColor),
            words: grey(style("#swagger .opblock-summary-path").color),
            scheme: style("#swagger").colorScheme,
        };
    }"""
    for theme, dark in (("dark", True), ("light", False)):
        with watched(browser, open_door.url, theme) as seen:
            seen.page.goto("docs")
            seen.page.wait_for_selector("#swagger .opblock")
            for expected in (dark, not dark):
                found = seen.page.evaluate(brightness)
                assert (found["ground"] < 60) is expected, found
                assert (found["words"] > 180) is expected, found
                assert found["scheme"] == ("dark" if expected else "light")
                seen.page.get_by_role("button", name="Dark theme").click()
            assert seen.wrong == []


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_every_page_is_in_reach_of_a_thumb(browser: Browser, open_door: Api, device: str) -> None:
    """Nothing of the navigation lies outside the screen, on the narrowest phone too."""
    with watched(browser, open_door.url, "light", device) as seen:
        seen.page.goto("")
        width = seen.page.evaluate("innerWidth")
        links = seen.page.get_by_role("navigation", name="Main").get_by_role("link").all()
        assert len(links) == 7
        boxes = [box for link in links if (box := link.bounding_box())]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        assert len({round(box["y"]) for box in boxes}) == 1, "they fit in one row"
