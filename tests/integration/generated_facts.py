"""Facts of no real match, with everything that real ones can have."""

from __future__ import annotations

import numpy as np

from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES
from betting_ai.features.facts import MISSING, NEVER, Facts, merge

LEAGUE_CODES = ("D1", "E0", "E1")
BOOKS = ("AVG", "B365", "BFE", "MAX", "PS")
FIRST_DAY = 19_900  # 2024-06-26
DAY = 86_400


def generated_facts(events: int, *, seed: int = 0, season: int = 2024) -> Facts:
    """Facts of ``events`` matches: some without result, without time, with gaps in the counts."""
    random = np.random.default_rng(seed)
    teams = sorted(
        f"{LEAGUES[code].country}:FC {code} {i}" for code in LEAGUE_CODES for i in range(8)
    )
    own = [[i for i, t in enumerate(teams) if f" {code} " in t] for code in LEAGUE_CODES]
    league = random.integers(len(LEAGUE_CODES), size=events)
    home, away = np.array([random.choice(own[k], 2, replace=False) for k in league]).T
    day = FIRST_DAY + random.permutation(events)
    slugs = [
        event_slug(
            LEAGUE_CODES[k],
            str(np.datetime64(int(d), "D")),
            teams[h].partition(":")[2],
            teams[a].partition(":")[2],
        )
        for k, d, h, a in zip(league, day, home, away, strict=True)
    ]
    kickoff = day * DAY + random.choice([41_400, 54_000, 70_200], events)
    over = random.random(events) < 0.8
    stats = random.integers(MISSING, 30, (events, 14))
    stats[~over] = MISSING

    quotes = 20 * events
    event = np.sort(random.integers(events, size=quotes))
    market = random.integers(3, size=quotes)
    price = np.round(1.01 + random.gamma(1.5, 1.5, (quotes, 3)), 4)
    price[market != 0, 2] = np.nan
    drawn = Facts(
        leagues=LEAGUE_CODES,
        teams=tuple(teams),
        books=BOOKS,
        event_id=np.array([event_id(slug) for slug in slugs]),
        league=league,
        season=np.full(events, season),
        home=home,
        away=away,
        kickoff=kickoff,
        day=day,
        time_assumed=random.random(events) < 0.2,
        result_known_at=np.where(over, kickoff + 8_100, NEVER),
        stats=stats,
        quote_event=event,
        quote_book=random.integers(len(BOOKS), size=quotes),
        quote_market=market,
        quote_line=np.where(market == 0, 0.0, random.integers(-9, 20, quotes) / 4),
        quoted_at=kickoff[event] - random.integers(0, 3, quotes) * DAY,
        price=price,
        quote_live=random.random(quotes) < 0.3,
    )
    return merge([drawn])
