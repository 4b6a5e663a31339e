"""The Odds API over HTTP, within what the plan and the budget allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import httpx

from betting_ai.adapters.feeds.api import Api, ApiAddress, ApiLimits
from betting_ai.adapters.feeds.memory import FeedMemory, FeedState
from betting_ai.adapters.feeds.odds_api.names import LEAGUE_OF_SPORT, MARKET_OF_KEY
from betting_ai.clock import Clock
from betting_ai.domain.leagues import LEAGUES, find_league
from betting_ai.domain.slate import rfc3339
from betting_ai.errors import (
    FeedError,
    FeedKeyError,
    FeedOfflineError,
    FeedQuotaError,
    InvalidInputError,
    NothingToDoError,
)
from betting_ai.ports.feeds import FeedRequest, Fetched, Payload, PayloadKind
from betting_ai.ports.object_store import NoteStore

NAME: Final = "odds_api"
REGIONS: Final = ("us", "us2", "us_dfs", "us_ex", "uk", "eu", "fr", "se", "au")
SCORES_COST: Final = 2  # with days past; 1 without
_SCORES_DAYS: Final = 3  # the most it gives
_QUOTA_LASTS: Final = timedelta(days=1)  # plans are renewed, and older news would block for good
_FOR_ALL: Final = (FeedKeyError, FeedQuotaError, FeedOfflineError)
"""Failures that the next league would meet too."""


@dataclass(frozen=True)
class OddsApiPlan:
    """What is asked of the API, and how much that may cost.

    Attributes:
        regions: whose bookmakers; each costs.
        markets: market keys; each costs.
        daily_budget: most credits a UTC day; None for no limit of ours.
        monthly_budget: most credits a calendar month; None for no limit of ours.
    """

    regions: tuple[str, ...] = ("eu",)
    markets: tuple[str, ...] = ("h2h", "totals")
    daily_budget: int | None = None
    monthly_budget: int | None = None

    def __post_init__(self) -> None:
        for what, asked, known in (
            ("region", self.regions, REGIONS),
            ("market", self.markets, tuple(MARKET_OF_KEY)),
        ):
            wrong = [code for code in asked if code not in known]
            if wrong or not asked:
                named = repr(wrong[0]) if wrong else "none named"
                raise InvalidInputError(
                    f"The Odds API has no such {what} ({named}); there are {', '.join(known)}"
                )

    @property
    def odds_cost(self) -> int:
        """Credits that the prices of one league cost: markets times regions."""
        return len(self.markets) * len(self.regions)


@dataclass(frozen=True)
class _Question:
    """One call that costs."""

    sport: str
    kind: PayloadKind
    cost: int

    @property
    def path(self) -> str:
        return f"/v4/sports/{self.sport}/{self.kind.value}"

    @property
    def name(self) -> str:
        return f"{self.kind.value}/{self.sport}.json"


class OddsApiFeed:
    """Prices and scores per league.

    The list of sports is asked for first: it is free, tells which leagues are in season and how
    much of the quota is left. A league without a match in the time asked about costs nothing.
    """

    name = NAME

    def __init__(
        self,
        address: ApiAddress,
        *,
        plan: OddsApiPlan,
        notes: NoteStore,
        clock: Clock,
        limits: ApiLimits | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._address = address
        self._plan = plan
        self._clock = clock
        self._limits = limits
        self._memory = FeedMemory(NAME, notes, clock)
        self._progress = progress or (lambda _done, _total: None)

    @property
    def state(self) -> FeedState:
        """Quota and failures as they were left."""
        return self._memory.state()

    def fetch(self, request: FeedRequest) -> Fetched:
        """Prices (``fixtures``) and scores (``results``) of the leagues that are in season.

        Raises:
            UnknownLeagueError: a league code that no feed has.
            NothingToDoError: nothing was asked that this feed has.
            FeedKeyError: the key is not accepted.
            FeedQuotaError: not even the first call can be paid for.
            FeedPausedError: it failed too often of late.
            FeedError: not one answer could be had.
        """
        for code in request.leagues or ():
            find_league(code)
        asked = LEAGUES if request.leagues is None else request.leagues
        sports = {sport: code for sport, code in LEAGUE_OF_SPORT.items() if code in asked}
        if not sports or not (request.fixtures or request.results):
            raise NothingToDoError(
                "The Odds API has prices and scores of now: ask for fixtures or results of "
                f"{', '.join(LEAGUE_OF_SPORT.values())}"
            )
        with self._memory.watched(), self._api() as api:
            in_season = self._in_season(api)
            questions = self._questions([s for s in sports if s in in_season], request)
            absent = tuple(code for sport, code in sports.items() if sport not in in_season)
            return self._answers(api, questions, request.until, absent)

    def _api(self) -> Api:
        def sign(request: httpx.Request, key: str) -> None:
            request.url = request.url.copy_merge_params({"apiKey": key})

        return Api(self._address, sign, self._clock, self._limits)

    def _in_season(self, api: Api) -> set[str]:
        answer = api.get("/v4/sports", {}, heard=self._heard)
        try:
            listed = answer.json()
            return {sport["key"] for sport in listed if sport["active"]}
        except (ValueError, TypeError, KeyError):
            raise FeedError(
                f"{self._address.url} answered the list of sports with something else"
            ) from None

    def _questions(self, sports: list[str], request: FeedRequest) -> list[_Question]:
        found = []
        if request.results:
            found += [_Question(sport, PayloadKind.SCORES, SCORES_COST) for sport in sports]
        if request.fixtures:
            cost = self._plan.odds_cost
            found += [_Question(sport, PayloadKind.ODDS, cost) for sport in sports]
        return found

    def _answers(
        self,
        api: Api,
        questions: list[_Question],
        until: datetime | None,
        absent: tuple[str, ...],
    ) -> Fetched:
        payloads: list[Payload] = []
        failures: list[FeedError] = []
        for done, question in enumerate(questions, start=1):
            try:
                payloads.append(self._answer(api, question, until))
            except FeedError as error:
                failures.append(error)
                if isinstance(error, _FOR_ALL):
                    break
            self._progress(done, len(questions))
        if failures and not payloads:
            raise failures[0]
        left_out = [question.name for question in questions[len(payloads) + len(failures) :]]
        told = [
            *map(str, failures),
            *([f"not asked for: {', '.join(left_out)}"] if left_out else ()),
        ]
        return Fetched(tuple(payloads), absent, tuple(told))

    def _answer(self, api: Api, question: _Question, until: datetime | None) -> Payload:
        self._afford(question)
        params = {"dateFormat": "iso"}
        if question.kind is PayloadKind.SCORES:
            params["daysFrom"] = str(_SCORES_DAYS)
        else:
            params |= {
                "oddsFormat": "decimal",
                "regions": ",".join(self._plan.regions),
                "markets": ",".join(self._plan.markets),
                "commenceTimeFrom": rfc3339(self._clock.now()),
            }
            if until is not None:
                params["commenceTimeTo"] = rfc3339(until)
        # An attempt may cost even if its answer gets lost; the answer's headers put it right.
        answer = api.get(
            question.path,
            params,
            asked=lambda: self._memory.spend(question.cost),
            heard=lambda answer: self._heard(answer, paid=question.cost),
        )
        if answer.status_code != httpx.codes.OK:
            raise FeedError(f"{self._address.url}{question.path} answered {answer.status_code}")
        return Payload(NAME, question.name, question.kind, answer.content, self._clock.now())

    def _afford(self, question: _Question) -> None:
        """Refuse what cannot be paid for.

        Raises:
            FeedQuotaError: with what is left, and what would help.
        """
        state, plan = self._memory.state(), self._plan
        told_at = datetime.fromisoformat(state.told_at) if state.told_at else None
        recent = told_at is not None and self._clock.now() - told_at < _QUOTA_LASTS
        limits = {
            "of the plan's quota": state.remaining if recent else None,
            "of BETTING_AI_ODDS_API_DAILY_BUDGET": _left(plan.daily_budget, state.spent_today),
            "of BETTING_AI_ODDS_API_MONTHLY_BUDGET": _left(
                plan.monthly_budget, state.spent_this_month
            ),
        }
        for of_what, left in limits.items():
            if left is not None and question.cost > left:
                raise FeedQuotaError(
                    f"The Odds API is not asked for {question.name}: it costs {question.cost} "
                    f"credits and {left} are left {of_what}"
                )

    def _heard(self, answer: httpx.Response, paid: int = 0) -> None:
        """Remember what the headers say of the quota, and what the answer really cost."""
        remaining, used, last = (
            _count(answer.headers.get(f"x-requests-{what}"))
            for what in ("remaining", "used", "last")
        )
        if answer.status_code != httpx.codes.OK and last is None:
            last = 0  # what is refused is not charged
        if paid and last is not None:
            self._memory.spend(last - paid)
        if remaining is not None:
            now = self._clock.now().isoformat()
            self._memory.keep(remaining=remaining, used=used, told_at=now)


def _left(budget: int | None, spent: int) -> int | None:
    return None if budget is None else max(0, budget - spent)


def _count(told: str | None) -> int | None:
    """A header's number; the API writes some as ``"486.0"``."""
    try:
        return None if told is None else int(float(told))
    except (ValueError, OverflowError):
        return None
