"""Alert rules and the Grafana dashboard ask for what a server really tells."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork
from betting_ai.clock import MovingClock
from integration.api_world import served
from integration.record_world import EVENING, World, match, pick, slate, world
from integration.test_metrics import ingested, samples

__all__ = ["world"]

ROOT = Path(__file__).resolve().parents[2]
SELFHOST = ROOT / "infra" / "selfhost"
DASHBOARD = ROOT / "docs" / "grafana" / "betting-ai.json"
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


@pytest.fixture
def told(world: World, database_url: str, tmp_path: Path) -> set[str]:
    """Names of everything that a server tells which has a record, and was asked too often."""
    world.publish(slate(pick(0, 1), pick(1, 2)))
    world.tell(match(0, (2, 0)), match(1, (0, 1)))
    world.settle()
    with SqlUnitOfWork(world.engine) as unit:
        unit.ingest_log.add(ingested("football_data", timedelta(hours=3)))
        unit.commit()
    with (
        served(database_url, tmp_path, clock=MovingClock(EVENING), api_rate_limit=1) as api,
        api.client("read") as client,
    ):
        for _ in range(2):
            client.get("/api/v1/betting/events")
        text = client.get("/metrics").text
    names = {name for name, _ in samples(text)}
    return {name if name.startswith("process_") else f"betting_ai_{name}" for name in names}


def used(expression: str) -> set[str]:
    """Names of metrics in an expression of PromQL."""
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"|\[[^\]]*\]", "", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    words = re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\w*\s*\()", bare)
    return set(words) - {"and", "or", "unless", "bool", "offset"}


def balanced(expression: str) -> bool:
    bare = re.sub(r"\"[^\"]*\"", "", expression)
    return all(bare.count(a) == bare.count(b) for a, b in ("()", "{}", "[]"))


def test_names_are_found_in_expressions() -> None:
    asked = 'sum by (le) (rate(a_total{x=~"5.."}[5m])) / sum(b) > 2 and absent(c)'
    assert used(asked) == {"a_total", "b", "c"}


def test_the_rules_ask_for_what_there_is(told: set[str]) -> None:
    groups = yaml(SELFHOST / "prometheus" / "alerts.yml")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    for rule in rules:
        assert used(rule["expr"]) <= told | {"up"}, rule["alert"]
        assert balanced(rule["expr"]), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))
    assert len({rule["alert"] for rule in rules}) == len(rules)
    asked = set().union(*(used(rule["expr"]) for rule in rules))
    for about in (
        "slate_age", "price_age", "model_age", "clv_90d_mean", "requests_total", "seconds_bucket",
    ):  # fmt: skip
        assert any(about in name for name in asked), about


def test_prometheus_comes_with_its_key_to_a_name_that_is_answered() -> None:
    compose = yaml(SELFHOST / "compose.yaml")["services"]
    [job] = yaml(SELFHOST / "prometheus" / "prometheus.yml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["api:8000"]}]
    [secret] = compose["prometheus"]["secrets"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    authorities = compose["api"]["environment"]["BETTING_AI_API_AUTHORITIES"]
    assert "api:8000" in authorities.split(",")


def test_the_dashboard_asks_for_what_there_is_and_leaves_nothing_out(told: set[str]) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    for expression in asked:
        assert used(expression) <= told, expression
        assert balanced(expression), expression
    shown = set().union(*map(used, asked))
    derived = ("_created", "_bucket", "_sum", "_count")
    left_out = {name for name in told - shown if name.startswith("betting_ai_")}
    assert {name for name in left_out if not name.endswith(derived)} == set()
    assert shown >= PROCESS
    assert len({panel["id"] for panel in panels}) == len(panels)
    [source] = yaml(SELFHOST / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    uids = {panel["datasource"]["uid"] for panel in panels if "datasource" in panel}
    assert uids == {source["uid"]}
