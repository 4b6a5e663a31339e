"""A database as it is after 25 seasons: ten million prices, and all that the API shows beside them.

Everything follows from a seed. Events and results come through the adapter; prices, picks, bets
and logs are made inside PostgreSQL, season by season, with every trigger and constraint in place.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from betting_ai.adapters.sql.facts import SqlFactsRepository
from betting_ai.adapters.sql.reference import book_ids
from betting_ai.domain.events import event_id, event_slug
from betting_ai.domain.leagues import LEAGUES, SEASON_FILE_LEAGUES
from betting_ai.features.facts import NEVER, STATS, Facts, merge

NOW: Final = datetime(2026, 3, 7, 9, tzinfo=UTC)
SEASONS: Final = range(2001, 2026)
EVENTS: Final = 60_000
PICKS, DAYS_OF_PICKS = 5_000, 1_826

_TEAMS: Final = 20
_DAY: Final = 86_400
_BOOKS: Final = (
    "1XB", "AVG", "B365", "BF", "BFE", "BMGM", "BW", "CL", "LB", "MAX", "PS", "WH",
)  # fmt: skip

# 108 prices of who wins, 36 of totals and 24 of handicaps an event; each book quotes three times.
_PRICES: Final = """
INSERT INTO odds (event_id, quoted_at, received_at, book_id, market, line, selection,
                  reconstructed, price, live)
SELECT e.id, e.kickoff - k.age, e.received_at, b.id, k.market, k.line, k.selection, true,
       round((1.2 + abs(hashint8(e.id + b.id * 31 + k.selection * 7 + k.turn) / 715827883.0))
             ::numeric, 2), false
FROM events e CROSS JOIN (
    SELECT 0 AS market, 0 AS line, s AS selection, t AS turn, make_interval(hours => 24 * t) AS age,
           12 AS books
    FROM generate_series(0, 2) s, generate_series(0, 2) t
    UNION ALL
    SELECT 1, 10, s, t, make_interval(hours => 24 * t), 6
    FROM generate_series(0, 1) s, generate_series(0, 2) t
    UNION ALL
    SELECT 2, -3, s, t, make_interval(hours => 24 * t), 4
    FROM generate_series(0, 1) s, generate_series(0, 2) t
) k JOIN (SELECT id, row_number() OVER (ORDER BY code) AS place FROM books) b ON b.place <= k.books
WHERE e.season = :season ORDER BY e.id
"""

# A few events of every season that a live feed followed minute by minute.
_MANY_PRICES: Final = """
INSERT INTO odds (event_id, quoted_at, received_at, book_id, market, line, selection,
                  reconstructed, price, live)
SELECT e.id, e.kickoff - make_interval(mins => 7 * t), e.kickoff - make_interval(mins => 7 * t),
       b.id, 0, 0, s, false, 2 + t / 1000.0, true
FROM (SELECT * FROM events WHERE season = :season ORDER BY id LIMIT 4) e,
     (SELECT id FROM books WHERE kind = 'named' ORDER BY code LIMIT 5) b,
     generate_series(0, 2) s, generate_series(1, 400) t
"""

_LINK: Final = "encode(sha256(('{0} ' || {1})::bytea), 'hex')"

_NOW: Final = f"timestamptz '{NOW.isoformat()}'"

_RECORD: Final = f"""
INSERT INTO slates (id, as_of, window_hours, profile, model_version, mode, payload, previous_hash,
                    hash, created_at)
SELECT {_LINK.format("slate", "n")}, {_NOW} - make_interval(days => :days - n), 24,
       CASE n % 3 WHEN 0 THEN 'value' ELSE 'strict' END, '2025-06-30', 'live',
       jsonb_build_object('picks', jsonb_build_array(jsonb_build_object('why', repeat('x', 1500))),
                          'near_misses', repeat('y', 4000)),
       CASE WHEN n > 1 THEN {_LINK.format("link", "n - 1")} END, {_LINK.format("link", "n")},
       {_NOW} - make_interval(days => :days - n)
FROM generate_series(1, :days) n;
INSERT INTO recommendations (slate_id, rank, event_id, book_id, market, line, selection, price,
    quoted_at, probability, ensemble_probability, consensus_probability, model_ev, ev, ev_lower,
    ev_se, confidence, risk_score, risk_adjusted_return, composite_score, stake, bet_until_price,
    expires_at, advice, rationale, status, profit, clv, settled_at, previous_hash, hash, created_at)
SELECT {_LINK.format("slate", "p.day")}, p.rank, p.id, b.id, 0, 0, p.number % 3,
    2 + p.number % 50 / 20.0, p.kickoff - interval '20 hours', 0.45, 0.44, 0.43, 0.06, 0.05, 0.02,
    0.01, 60 + p.number % 30, 0.4, 0.05, 0.6, 10, 2, p.kickoff, 'bet',
    jsonb_build_object('reasons', repeat('z', 600)),
    CASE WHEN p.number > :picks - 6 THEN 'pending' WHEN p.number % 40 = 0 THEN 'replaced'
         WHEN p.number % 5 < 2 THEN 'won' ELSE 'lost' END,
    CASE WHEN p.number > :picks - 6 OR p.number % 40 = 0 THEN NULL
         WHEN p.number % 5 < 2 THEN 10 + p.number % 50 / 2.0 ELSE -10 END,
    CASE WHEN p.number > :picks - 6 OR p.number % 40 = 0 OR p.number % 9 = 0 THEN NULL
         ELSE (p.number % 21 - 9) / 100.0 END,
    CASE WHEN p.number > :picks - 6 THEN NULL ELSE p.kickoff + interval '3 hours' END,
    CASE WHEN p.number > 1 THEN {_LINK.format("pick", "p.number - 1")} END,
    {_LINK.format("pick", "p.number")}, {_NOW} - make_interval(days => :days - p.day::int)
FROM (
    SELECT e.*, row_number() OVER (ORDER BY kickoff, id) AS number,
           (row_number() OVER (ORDER BY kickoff, id) - 1) * :days / :picks + 1 AS day,
           (row_number() OVER (ORDER BY kickoff, id) - 1) % 3 + 1 AS rank
    FROM (
        SELECT id, kickoff FROM events WHERE season >= 2020 ORDER BY hashint8(id) LIMIT :picks
    ) e
) p JOIN (SELECT id, row_number() OVER (ORDER BY code) - 1 AS place FROM books) b
    ON b.place = p.number % 12
ORDER BY p.number;
INSERT INTO settlements (recommendation_id, status, reason, ending, goals_home, goals_away, profit,
                         clv, settled_at, previous_hash, hash)
SELECT id, status, 'result', 'finished', 2, 1, profit, clv, settled_at,
       CASE WHEN lag(id) OVER (ORDER BY id) IS NOT NULL
            THEN {_LINK.format("settled", "lag(id) OVER (ORDER BY id)")} END,
       {_LINK.format("settled", "id")}
FROM recommendations WHERE status IN ('won', 'lost') ORDER BY id;
INSERT INTO predictions (event_id, as_of, model_version, member, p_home, p_draw, p_away)
SELECT e.id, e.kickoff - make_interval(hours => 20 * t), '2025-06-30', m, 0.45, 0.25, 0.3
FROM (SELECT id, kickoff FROM events WHERE season >= 2020) e, generate_series(1, 2) t,
     unnest(ARRAY['xgboost', 'random_forest', 'deep_rl', 'bayesian', 'ensemble', 'pick_price',
                  'market']) m;
INSERT INTO betting_sessions (name, mode, status, currency, starting_bankroll, bankroll, limits,
                              started_at, ended_at)
SELECT 'session ' || n, 'paper', CASE n WHEN 20 THEN 'open' ELSE 'closed' END, 'units', 1000, 1000,
       '{{}}', {_NOW} - make_interval(days => 91 * (21 - n)),
       CASE WHEN n < 20 THEN {_NOW} - make_interval(days => 91 * (20 - n)) END
FROM generate_series(1, 20) n;
INSERT INTO bets (reference, session_id, recommendation_id, event_id, book_id, market, line,
                  selection, price, stake, venue, mode, status, profit, placed_at, settled_at,
                  created_at)
SELECT gen_random_uuid(), 1 + r.id * 19 / :picks, r.id, r.event_id, r.book_id, 0, 0, r.selection,
       r.price, r.stake, 'paper', 'paper', CASE WHEN r.status IN ('won', 'lost') THEN r.status
       WHEN r.status = 'pending' THEN 'placed' ELSE 'void' END, r.profit, r.created_at,
       r.settled_at, r.created_at
FROM recommendations r ORDER BY r.id;
INSERT INTO model_performance (model_version, member, channel, first_day, last_day, matches,
    log_loss, market_log_loss, brier, calibration_error, metrics)
SELECT '2025-06-30', m, 'stable', {_NOW}::date - 91 - n, {_NOW}::date - n, 900, 0.96, 0.961,
       0.19, 0.01, '{{"bins": [0.1, 0.2, 0.3]}}'
FROM generate_series(1, 150) n,
     unnest(ARRAY['xgboost', 'random_forest', 'deep_rl', 'bayesian', 'ensemble', 'pick_price',
                  'market']) m;
INSERT INTO ingest_log (source, name, sha256, received_at, status, rows_read, rows_kept,
    rows_repaired, rows_refused, quotes_kept, quotes_refused, stored, stages, error, league, season)
SELECT CASE n % 3 WHEN 0 THEN 'football_data' WHEN 1 THEN 'odds_api' ELSE 'cloudbet' END,
       'payload ' || n % 900, {_LINK.format("payload", "n")},
       {_NOW} - make_interval(mins => 20 * (20000 - n)),
       CASE n % 10 WHEN 9 THEN 'refused' WHEN 8 THEN 'unchanged' ELSE 'stored' END, 380, 380,
       '{{"time": 2}}', '{{"no_team": 1}}', 3000, '{{"price": 3}}',
       '{{"events": 1, "results": 2, "prices": 3, "known": 4, "conflicting": 0, "moved": 0}}',
       '{{"parse": 0.02, "store": 0.05}}', CASE n % 10 WHEN 9 THEN 'not a table' END,
       CASE n % 3 WHEN 0 THEN 'E' || n / 3 % 22 END, CASE n % 3 WHEN 0 THEN 2001 + n % 25 END
FROM generate_series(1, 20000) n;
INSERT INTO api_keys (id, name, token_hash, scopes, generation, created_at)
SELECT lpad(to_hex(n), 16, '0'), 'key ' || n, sha256(('token ' || n)::bytea), '{{read}}', 1, {_NOW}
FROM generate_series(1, 500) n;
INSERT INTO api_nonces (key_id, nonce, expires_at)
SELECT lpad(to_hex(1 + n % 500), 16, '0'), 'nonce-' || n, {_NOW} + make_interval(secs => n % 300)
FROM generate_series(1, 50000) n;
INSERT INTO api_calls (key_id, route, idempotency_key, digest, owner, status, headers, body,
                       created_at, expires_at)
SELECT lpad(to_hex(1 + n % 500), 16, '0'), 'POST /api/v1/betting/bets', 'call ' || n,
       sha256(n::text::bytea), gen_random_uuid(), 201, '{{}}', repeat('x', 300)::bytea,
       {_NOW},
       {_NOW} + make_interval(secs => 60 + n)
FROM generate_series(1, 50000) n;
INSERT INTO transactions (id, chain_id, token, from_address, to_address, amount, status)
SELECT md5(n::text)::uuid, 56, 'USDT', '0xaa', '0xbb', 1 + n, 'confirmed'
FROM generate_series(1, 5000) n;
INSERT INTO review_queue (source, country, league, name, verdict, candidates)
SELECT 'odds_api', 'England', 'E0', 'Team ' || n, 'doubtful', '[]' FROM generate_series(1, 500) n
"""  # noqa: S608 - only constants


def fill(engine: Engine) -> int:
    """Fill a database that is ready for use; gives how many prices it holds then."""
    with engine.begin() as connection:
        SqlFactsRepository(connection).store(
            _events(), source="bench", received_at=NOW - timedelta(hours=2), reconstructed=True
        )
        book_ids(connection, _BOOKS)
    prices = 0
    for season in SEASONS:
        with engine.begin() as connection:
            for made in (_PRICES, _MANY_PRICES):
                prices += connection.execute(sa.text(made), {"season": season}).rowcount
    told = {"days": DAYS_OF_PICKS, "picks": PICKS}
    with engine.begin() as connection:
        for statement in _RECORD.split(";\n"):
            used = {name: value for name, value in told.items() if f":{name}" in statement}
            escaped = statement.replace("%", "%%") if used else statement
            connection.execute(sa.text(escaped), used)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))  # as autovacuum would have
    return prices


def _events() -> Facts:
    """Seasons from autumn to spring; those of the last weeks are still to be played."""
    random = np.random.default_rng(9)
    leagues = tuple(sorted(SEASON_FILE_LEAGUES))
    names = [f"FC {code} {i:02}" for code in leagues for i in range(_TEAMS)]
    keys = [f"{LEAGUES[code].country}:FC {code} {i:02}" for code in leagues for i in range(_TEAMS)]
    pairs = np.array(list(permutations(range(_TEAMS), 2)))
    a_season = EVENTS // (len(SEASONS) * len(leagues))
    made = []
    for season in SEASONS:
        opening = (datetime(season, 8, 10, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        for k in range(len(leagues)):
            for turn, (home, away) in enumerate(random.permutation(pairs)[:a_season]):
                day = opening + turn * 250 // a_season
                made.append((k, season, k * _TEAMS + home, k * _TEAMS + away, day))
    league, season, home, away, day = np.array(made).T
    dates = day.astype("datetime64[D]").astype(str)
    slugs = [
        event_slug(leagues[k], d, names[h], names[a])
        for k, d, h, a in zip(league, dates, home, away, strict=True)
    ]
    order = np.argsort(np.array(keys))
    place = np.argsort(order)
    kickoff = day * _DAY + 54_000 + 900 * random.integers(0, 20, len(day))
    over = kickoff + 8_100 < NOW.timestamp()
    stats = random.integers(0, 5, (len(day), len(STATS)))
    stats[~over] = -1
    return merge([
        Facts(
            leagues=leagues,
            teams=tuple(keys[i] for i in order),
            books=(),
            event_id=np.array([event_id(slug) for slug in slugs]),
            league=league,
            season=season,
            home=place[home],
            away=place[away],
            kickoff=kickoff,
            day=day,
            time_assumed=np.zeros(len(day), np.bool_),
            result_known_at=np.where(over, kickoff + 8_100, NEVER),
            stats=stats,
            quote_event=np.empty(0, np.int64),
            quote_book=np.empty(0, np.int64),
            quote_market=np.empty(0, np.int64),
            quote_line=np.empty(0),
            quoted_at=np.empty(0, np.int64),
            price=np.empty((0, 3)),
        )
    ])  # fmt: skip
