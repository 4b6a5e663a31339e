"""The past again: every match at its own prices, and every day's slate, with the live code.

A season's features are built and scored in one go, each event at its own moment; a day is then cut
out and handed to the same `choose` that a live slate comes from. Rows do not depend on the rows
beside them, so the answers are those of a live run, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from betting_ai.domain.markets import MATCH_RESULT, BettingMarket
from betting_ai.features.build import Features, build
from betting_ai.features.facts import Facts, Ints
from betting_ai.features.history import History, summarise
from betting_ai.features.market import market_view
from betting_ai.features.ratings import RatingState
from betting_ai.features.spec import FeatureSpec
from betting_ai.models.ensemble import Judgement
from betting_ai.models.registry import Model, Registry
from betting_ai.models.scorer import Scores
from betting_ai.models.valuation import Evidence
from betting_ai.usecases.assess_events import Assessment, Window, judged

UK: Final = ZoneInfo("Europe/London")
_COLLECTION_DAYS: Final = {1, 4}  # Tuesday and Friday: prices are collected at 15:00
_FOREVER: Final = 2**62


@dataclass(frozen=True)
class SlateDay:
    """One UK calendar day with kick-offs.

    Attributes:
        day: the date.
        window: asked when, and until the day ends.
        events: rows of the facts that kick off after the question.
        missed: how many had begun before it.
    """

    day: date
    window: Window
    events: Ints
    missed: int


@dataclass(eq=False)
class Replay:
    """Matches whose outcome is known, and the models that had not seen them.

    Attributes:
        facts: matches with prices, closes and results.
        registry: the models.
        channel: which of them.
        allow_in_sample: answer with a model that has seen the day where there is no other.
    """

    facts: Facts
    registry: Registry
    channel: str = "stable"
    allow_in_sample: bool = False
    _models: dict[tuple[str, str, bool], Model] = field(default_factory=dict, repr=False)
    _histories: dict[str, History] = field(default_factory=dict, repr=False)

    def model(self, market: BettingMarket, as_of: datetime) -> Model:
        """The newest model that had not seen an instant; each is loaded once.

        Raises:
            NoModelBeforeError: every model had.
        """
        manifest, in_sample = self.registry.choose(
            market.name, self.channel, as_of, self.allow_in_sample
        )
        key = (market.name, manifest.version, in_sample)  # one may have seen some days of a range
        if key not in self._models:
            self._models[key] = self.registry.load(manifest, in_sample)
        return self._models[key]

    def assess(
        self, rows: Ints, as_of: Ints, window: Window, market: BettingMarket = MATCH_RESULT
    ) -> list[Assessment]:
        """Assess events, each at its own moment and by the model for that moment.

        Args:
            rows: (n,) rows of the facts, ascending.
            as_of: (n,) seconds since the epoch, before each kick-off; events of one instant share
                one model, as those of a slate do.
            window: whose books count; its instant is not looked at.
            market: which market.

        Returns:
            One assessment per model, each of ascending rows; of a model that has seen some of
            the days there is one for those, and one for the others.

        Raises:
            NoModelBeforeError: every model had seen one of the days.
        """
        newest = market_view(self.facts, rows, as_of, FeatureSpec(), market).newest
        priced_at = np.where(newest >= 0, newest, as_of)
        instants, at = np.unique(as_of, return_inverse=True)
        earliest = np.full(len(instants), _FOREVER)
        np.minimum.at(earliest, at, priced_at)
        models = [
            self._model_for(market, asked, oldest)
            for asked, oldest in zip(instants.tolist(), earliest.tolist(), strict=True)
        ]
        found = []
        for model in {id(model): model for model in models}.values():
            mine = np.array([other is model for other in models])
            its = np.flatnonzero(mine[at])
            found.append(self._judged(model, rows[its], as_of[its], window, market))
        return found

    def _model_for(self, market: BettingMarket, as_of: int, earliest: int) -> Model:
        """As in a live slate: prices from before a model's last day need the model before it."""
        model = self.model(market, datetime.fromtimestamp(as_of, UTC))
        day = model.manifest.spec.sport.result_day(earliest)
        if not model.in_sample and day <= model.checkpoint.through:
            return self.model(market, datetime.fromtimestamp(earliest, UTC))
        return model

    def _judged(
        self, model: Model, rows: Ints, as_of: Ints, window: Window, market: BettingMarket
    ) -> Assessment:
        spec = model.manifest.spec
        history, state = self._past(model, int(as_of.min(initial=_FOREVER)))
        features = build(history, self.facts, rows, as_of, spec, state, market)
        return judged(self.facts, model, features, window, rebuilt=state is None)

    def _past(self, model: Model, earliest: int) -> tuple[History, RatingState | None]:
        """The model's own past with what came since; the facts' where the two disagree."""
        spec = model.manifest.spec
        if spec.hash not in self._histories:
            self._histories[spec.hash] = summarise(self.facts, _FOREVER, spec)
        known = self._histories[spec.hash]
        if model.in_sample or not model.checkpoint.serves(earliest, spec, known):
            return known, None
        return model.checkpoint.extended(known), model.checkpoint.state

    def days(self, first: date, last: date, window: Window) -> list[SlateDay]:
        """The slate days from one date to another, both included.

        A slate is asked for at 15:00 UK time on Tuesdays and Fridays, when prices are collected,
        and at 08:00 on other days.

        Args:
            first: first day.
            last: last day.
            window: leagues and books; its instant and hours are replaced.
        """
        rows = self.rows(first, last, window)
        kickoff = self.facts.kickoff[rows]
        uk_day = np.array(
            [datetime.fromtimestamp(int(at), UK).date().toordinal() for at in kickoff],
            dtype=np.int64,
        )
        found = []
        for ordinal in np.unique(uk_day).tolist():
            day = date.fromordinal(ordinal)
            hour = 15 if day.weekday() in _COLLECTION_DAYS else 8
            as_of = datetime.combine(day, time(hour), UK).astimezone(UTC)
            end = datetime.combine(day + timedelta(days=1), time(), UK).astimezone(UTC)
            its = rows[uk_day == ordinal]
            later = its[self.facts.kickoff[its] > as_of.timestamp()]
            asked = replace(window, as_of=as_of, hours=(end - as_of).total_seconds() / 3600)
            found.append(SlateDay(day, asked, later, len(its) - len(later)))
        return found

    def rows(self, first: date, last: date, window: Window) -> Ints:
        """Rows of the matches from one date to another, by the matches' own date, ascending."""
        epoch = date(1970, 1, 1)
        day = self.facts.day
        inside = (day >= (first - epoch).days) & (day <= (last - epoch).days)
        if window.leagues:
            wanted = np.array([code in window.leagues for code in self.facts.leagues])
            inside &= wanted[self.facts.league]
        return np.flatnonzero(inside)

    def slates(
        self,
        days: list[SlateDay],
        market: BettingMarket = MATCH_RESULT,
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> Iterator[tuple[SlateDay, Assessment]]:
        """Each day with its assessment, in order; days without events to judge are left out.

        Args:
            days: of one window.
            market: which market.
            progress: told how many days are done, of how many.
        """
        asked = [day for day in days if len(day.events)]
        if not asked:
            return
        rows = np.concatenate([day.events for day in asked])
        as_of = np.concatenate(
            [np.full(len(day.events), int(day.window.as_of.timestamp())) for day in asked]
        )
        order = np.argsort(rows)
        assessed = self.assess(rows[order], as_of[order], asked[0].window, market)
        for done, day in enumerate(asked, start=1):
            for whole in assessed:
                start, stop = np.searchsorted(
                    whole.features.market.rows, [day.events[0], day.events[-1] + 1]
                ).tolist()
                if start < stop:
                    yield day, part(whole, start, stop)
            progress(done, len(asked))


def part(whole: Assessment, start: int, stop: int) -> Assessment:
    """Some neighbouring events of an assessment."""
    view = whole.features.market
    first, last = np.searchsorted(view.quote_event, [start, stop]).tolist()
    events, quotes = slice(start, stop), slice(first, last)
    of_quotes = (
        "quote_book", "quoted_at", "live", "gross", "net", "fair", "named", "heard", "takeable",
    )  # fmt: skip
    of_events = ("rows", "consensus", "newest", "dispersion", "books", "maximum", "average")
    market = replace(
        view,
        quote_event=view.quote_event[quotes] - start,
        **{name: getattr(view, name)[quotes] for name in of_quotes},
        **{name: getattr(view, name)[events] for name in of_events},
    )
    features = whole.features
    offers = whole.offers
    quote = offers.quote[events]
    return replace(
        whole,
        features=Features(
            features.matrix[events], market, features.cutoff[events], features.lead_clamped[events]
        ),
        scores=Scores(whole.scores.members[:, events], whole.scores.wait[events]),
        judgement=Judgement(whole.judgement.ensemble[events], whole.judgement.pick[events]),
        offers=replace(
            offers,
            quote=np.where(quote >= 0, quote - first, -1),
            price=offers.price[events],
            second=offers.second[events],
            upper_bound=offers.upper_bound[events],
            refused=offers.refused[events],
        ),
        evidence=Evidence(**_cut(whole.evidence, events)),
    )


def _cut(evidence: Evidence, events: slice) -> Mapping[str, np.ndarray]:
    return {name: getattr(evidence, name)[events] for name in evidence.__dataclass_fields__}
