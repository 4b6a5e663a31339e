"""What Prometheus may ask a server: its requests, and how the product stands."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from betting_ai.adapters.sql.figures import Figures
from betting_ai.api.dependencies import ReadKey
from betting_ai.api.kept import Kept
from betting_ai.bootstrap import App
from betting_ai.domain.markets import BETTING_MARKETS
from betting_ai.errors import DomainError

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder through which the workers of one server count together."""

KEPT_SECONDS: Final = 15.0
"""For so long what was read from the database is told again."""

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_RATE_LIMITED: Final = "rate_limited"

_log = logging.getLogger(__name__)


class Metrics:
    """The metrics of one application; a `betting_ai.api.access.Watch`."""

    def __init__(self, app: App, mode: str = "live") -> None:
        """Begin to count.

        Args:
            app: asked how the product stands.
            mode: of the slates that are told of, ``"live"`` or ``"replay"``.
        """
        self._shared = os.environ.get(SHARED)
        counted = CollectorRegistry()
        self._requests = Counter(
            "betting_ai_http_requests",
            "Requests that were answered.",
            ("route", "method", "status"),
            registry=counted,
        )
        self._seconds = Histogram(
            "betting_ai_http_request_seconds",
            "Seconds from a request to the last byte of its answer.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=counted,
        )
        self._in_flight = Gauge(
            "betting_ai_http_requests_in_flight",
            "Requests that are being answered.",
            registry=counted,
            multiprocess_mode="livesum",
        )
        self._limited = Counter(
            "betting_ai_http_rate_limited",
            "Requests that came too often.",
            ("route",),
            registry=counted,
        )
        self._refused = Counter(
            "betting_ai_http_refused",
            "Requests that were turned away, by the code of the problem.",
            ("reason",),
            registry=counted,
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._told = CollectorRegistry() if self._shared else counted
        if not self._shared:
            ProcessCollector(registry=counted)
        self._told.register(_Standing(app, mode))

    def began(self) -> None:
        """A request came."""
        self._in_flight.inc()

    def ended(
        self, method: str, route: str, status: int, seconds: float, reason: str | None
    ) -> None:
        """A request is over."""
        self._in_flight.dec()
        kind = (route, method, status)
        if (known := self._known.get(kind)) is None:
            known = self._known[kind] = (
                self._requests.labels(route, method, str(status)),
                self._seconds.labels(route, method),
            )
        times, spans = known
        times.inc()
        spans.observe(seconds)
        if reason is not None:
            self._refused.labels(reason).inc()
        if reason == _RATE_LIMITED:
            self._limited.labels(route).inc()

    def text(self) -> tuple[bytes, str]:
        """Everything in Prometheus' text format, and the media type of that."""
        told = generate_latest(self._told)
        if self._shared:
            _forget_the_dead(Path(self._shared))
            together = CollectorRegistry()
            MultiProcessCollector(together, self._shared)  # type: ignore[no-untyped-call]
            told = generate_latest(together) + told
        return told, CONTENT_TYPE_LATEST


def routes(metrics: Metrics) -> APIRouter:
    """``GET /metrics``, for a key that may read."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    def tell(_: ReadKey) -> Response:
        text, media_type = metrics.text()
        return Response(text, media_type=media_type)

    return router


class _Standing(Collector):
    """How the product stands, read when asked for."""

    def __init__(self, app: App, mode: str) -> None:
        self._app = app
        self._mode = mode
        self._figures = Kept(self._read, KEPT_SECONDS)

    def describe(self) -> list[Metric]:
        """Nothing: the database is not asked before somebody wants to know."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges; without the database, those that need none."""
        now = self._app.clock.now()
        version = {"version": importlib.metadata.version("betting-ai")}
        yield InfoMetricFamily("betting_ai_build", "Which version runs.", version)
        yield self._models(now)
        figures = self._figures.get()
        up = 0.0 if figures is None else 1.0
        yield _gauge("database_up", "1 if the database answers, 0 if not.", up)
        if figures is not None:
            yield from _gauges(figures, now)

    def _read(self) -> Figures | None:
        try:
            return self._app.figures(self._app.clock.now(), self._mode)
        except DomainError as error:
            _log.warning("no figures from the database", extra={"code": error.code})
            return None

    def _models(self, now: datetime) -> Metric:
        ages = GaugeMetricFamily(
            "betting_ai_model_age_hours",
            "Hours since the end of the last day that the model in use was trained on.",
            labels=("market",),
        )
        for market in BETTING_MARKETS:
            with contextlib.suppress(DomainError):
                channel = self._app.settings.channel
                manifest, _ = self._app.registry.choose(market.name, channel, now)
                end = datetime.combine(manifest.trained_through, time(), UTC)
                age = now - end - timedelta(days=1)
                ages.add_metric((market.name,), age.total_seconds() / 3600)
        return ages


def _gauges(figures: Figures, now: datetime) -> Iterator[Metric]:
    if figures.slate_as_of is not None:
        age = (now - figures.slate_as_of).total_seconds()
        yield _gauge("slate_age_seconds", "Seconds since the newest slate.", age)
        yield _gauge("slate_picks", "Picks of the newest slate.", figures.slate_picks or 0)
    prices = GaugeMetricFamily(
        "betting_ai_price_age_seconds",
        "Seconds since the newest prices of a source came.",
        labels=("source",),
    )
    for source, came in sorted(figures.prices_at.items()):
        prices.add_metric((source,), (now - came).total_seconds())
    yield prices
    yield _gauge("picks_pending", "Picks that wait for a result.", figures.pending)
    yield _gauge(
        "clv_90d_count", "Settled picks with a close, of the last 90 days.", figures.clv_count
    )
    if figures.clv_mean is not None:
        yield _gauge(
            "clv_90d_mean", "Their mean closing-line value; 0.03 is 3 %.", figures.clv_mean
        )
    yield _gauge(
        "picks_profit",
        "What all settled picks would have gained at the recommended stakes.",
        figures.picks_profit,
    )
    is_open = GaugeMetricFamily("betting_ai_bets_open", "Open bets.", labels=("mode",))
    profit = GaugeMetricFamily(
        "betting_ai_bets_profit", "What settled bets gained.", labels=("mode",)
    )
    for mode, bets in sorted(figures.bets.items()):
        is_open.add_metric((mode,), bets.open)
        profit.add_metric((mode,), bets.profit)
    yield is_open
    yield profit
    yield _gauge("review_queue", "Names that wait for a person.", figures.review)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"betting_ai_{name}", words, value)


def _forget_the_dead(folder: Path) -> None:
    """Drop the gauges of workers that are no more."""
    for file in folder.glob("gauge_live*.db"):
        if (pid := re.search(r"_(\d+)\.db$", file.name)) is not None:
            try:
                os.kill(int(pid[1]), 0)
            except ProcessLookupError:
                file.unlink(missing_ok=True)
