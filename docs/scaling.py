"""The tables of scaling.md, from what was measured, list prices and the product's own limits.

python docs/scaling.py          # write them again
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "layers" / "domain" / "python")]

from betting_ai.adapters.sql.roles import CONNECTIONS, ROLES  # noqa: E402
from infra.environments import AT_ONCE, ENVIRONMENTS  # noqa: E402

DOCUMENT: Final = DOCS / "scaling.md"

# Measured: benchmarks/bench_ingest_events.py.
BYTES_PER_PRICE, OF_WHICH_INDEX = 135, 58

# Assumed: every league with live prices plays a full round every day, which none does.
LIVE_LEAGUES, MATCHES, BOOKS, SELECTIONS, ASKED_A_DAY = 18, 10, 18, 3, 3
FILE_LEAGUES, FILE_MATCHES_A_YEAR, PRICES_A_FILE_MATCH = 22, 7_700, 84
DAYS: Final = 365

SECONDS_A_DAY, DAYS_A_MONTH = 86_400, 30.4
BUSIEST: Final = 10
"""The busiest second of a day has so many times the mean."""
MEAN_SECONDS, SLOW_SECONDS = 0.05, 0.2
"""Of a request: for what it costs, and for how many there are at once."""

# USD, list prices of London; a million requests.
MEMORY_GB: Final = 1769 / 1024
PER_MILLION: Final = {
    "gateway": 3.50,
    "functions": 0.20 + 1e6 * MEAN_SECONDS * MEMORY_GB * 0.0000166667,
    "wall": 0.60,
    "traces, if each is kept": 5.00,
    "logs, 3 KB at 0.60 a GB": 3e3 * 1e6 / 1e9 * 0.60,
}
PROXY_A_MONTH: Final = 2 * 0.018 * 730
"""RDS Proxy: two processors at least, by the hour."""


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown; numbers stand to the right."""
    names = [*head]
    lines = [f"| {' | '.join(names)} |", "|---|" + "---:|" * (len(names) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def rows_a_day() -> int:
    """Prices that a usual day brings, at most."""
    live = LIVE_LEAGUES * MATCHES * BOOKS * SELECTIONS * ASKED_A_DAY
    return live + FILE_MATCHES_A_YEAR * PRICES_A_FILE_MATCH // DAYS


def load() -> str:
    """What comes, and what a year of it takes."""
    rows = []
    for times in (1, 10, 100):
        messages = times * (FILE_LEAGUES + LIVE_LEAGUES * ASKED_A_DAY)
        prices = times * rows_a_day()
        year = prices * DAYS
        gigabytes, index = (year * size / 1e9 for size in (BYTES_PER_PRICE, OF_WHICH_INDEX))
        rows.append(
            (f"{times}x", f"{messages:,}", f"{prices:,}", f"{year / 1e6:,.0f}",
             f"{gigabytes:,.1f}", f"{index:,.1f}")
        )  # fmt: skip
    head = ("a day", "announcements", "prices", "million prices a year", "GB a year", "of it index")
    return table(head, rows)


def connections() -> str:
    """Who may hold how many."""
    rows: list[tuple[object, ...]] = [
        (f"`{role.name}`", role.connections, AT_ONCE[role.function]) for role in ROLES
    ]
    held = sum(role.connections for role in ROLES)
    rows.append(("**together**", f"**{held}**", ""))
    rows.append(("left for whoever migrates or looks", CONNECTIONS - held, AT_ONCE["migrate_db"]))
    rows.append(("budget", CONNECTIONS, ""))
    return table(("", "connections at most", "functions at once"), rows)


def fixed() -> dict[str, tuple[float, int]]:
    """What each environment costs without callers, and its budget, as aws.md says.

    Raises:
        ValueError: its budgets are not those that are deployed.
    """
    text = (DOCS / "aws.md").read_text()
    together = re.search(r"^\| \*\*together\*\* \|(.+)\|$", text, re.MULTILINE)
    budgets = re.search(r"^\| budget \|(.+)\|$", text, re.MULTILINE)
    if together is None or budgets is None:
        raise ValueError("aws.md has no table of cost")
    costs = [float(cell.strip(" *")) for cell in together[1].split("|")]
    told = [int(cell) for cell in budgets[1].split("|")]
    if told != [one.budget_usd for one in ENVIRONMENTS]:
        raise ValueError("aws.md and infra/environments.py disagree on budgets")
    names = [one.name for one in ENVIRONMENTS]
    return dict(zip(names, zip(costs, told, strict=True), strict=True))


def requests() -> str:
    """How many are at once, and what a month costs."""
    costs = fixed()
    rows = []
    for daily in (1_000, 10_000, 100_000):
        mean = daily / SECONDS_A_DAY
        usage = daily * DAYS_A_MONTH / 1e6 * sum(PER_MILLION.values())
        row = [f"{daily:,}", f"{mean:.2f}", f"{BUSIEST * mean:.1f}"]
        row += [f"{BUSIEST * mean * SLOW_SECONDS:.1f}", f"{usage:.1f}"]
        for one in ENVIRONMENTS:
            cost = costs[one.name][0] + usage
            row.append(f"{cost:.0f}" if daily <= one.requests_per_day else "refused")
        rows.append(row)
    head = ["requests a day", "a second", "busiest second", "then at once", "USD for them"]
    return table([*head, *(one.name for one in ENVIRONMENTS)], rows)


def million() -> str:
    """What a million requests costs."""
    rows: list[tuple[object, ...]] = [(n, f"{usd:.2f}") for n, usd in PER_MILLION.items()]
    rows.append(("**together**", f"**{sum(PER_MILLION.values()):.2f}**"))
    return table(("a million requests", "USD"), rows)


def limits() -> str:
    """What the gateway lets through, and what the function can take."""
    able = AT_ONCE["api"] / SLOW_SECONDS
    rows = [
        (one.name, one.requests_per_second, max(1, one.requests_per_second // 2),
         f"{one.requests_per_day:,}", f"{able:.0f}", f"{AT_ONCE['api'] / MEAN_SECONDS:.0f}")
        for one in ENVIRONMENTS
    ]  # fmt: skip
    head = ("", "a second", "a client", "a client, a day")
    more = (f"at {SLOW_SECONDS} s each", f"at {MEAN_SECONDS} s each")
    return table((*head, *(f"{AT_ONCE['api']} at once do, {one}" for one in more)), rows)


TABLES: Final = {one.__name__: one for one in (load, connections, requests, million, limits)}


def written(text: str) -> str:
    """The document with its tables as they are computed."""
    for name, made in TABLES.items():
        text, found = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda match, made=made: f"{match[1]}{made()}\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
        if found != 1:
            raise ValueError(f"{DOCUMENT.name} has no place for the table {name}")
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
