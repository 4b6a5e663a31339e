"""The specification that is published is the one that is served, and it never breaks a caller."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from betting_ai.api.app import create_app
from betting_ai.api.options import ApiOptions
from betting_ai.bootstrap import build
from betting_ai.settings import load_settings
from openapi_rules import breaking

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:
    with build(load_settings(home=tmp_path)) as app:
        return create_app(app, ApiOptions()).openapi()


def test_the_published_specification_is_the_one_served(spec: dict[str, Any]) -> None:
    """`make openapi` writes it."""
    published = json.loads((DOCS / "openapi.json").read_text())
    assert published == json.loads(json.dumps(spec))
    assert published["openapi"].startswith("3.1")


def test_nothing_breaks_who_calls_the_released_version(spec: dict[str, Any]) -> None:
    """A new baseline is a decision: a major version, said in the changelog."""
    released = json.loads((DOCS / "openapi-released.json").read_text())
    assert breaking(released, spec) == []


def test_every_operation_is_described(spec: dict[str, Any]) -> None:
    operations = [one for methods in spec["paths"].values() for one in methods.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    for one in operations:
        assert one["summary"]
        assert one["description"]
        for status, told in one["responses"].items():
            media = "application/problem+json" if status[0] in "45" else "application/json"
            if status != "304" and one["operationId"] not in {"ready", "metrics"}:
                assert media in told["content"], (one["operationId"], status)
    bare = [one["operationId"] for one in operations if "security" not in one]
    assert bare == ["health"]


TOP3, EVENTS, PREDICT = (f"/api/v1/betting/{name}" for name in ("top3", "events", "predict"))

CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "GET /api/v1/betting/top3 is gone": lambda s: s["paths"].pop(TOP3),
    "GET /api/v1/betting/events no longer takes league": lambda s: s["paths"][EVENTS]["get"][
        "parameters"
    ].pop(0),
    "GET /api/v1/betting/events requires limit": lambda s: s["paths"][EVENTS]["get"]["parameters"][
        -1
    ].update(required=True),
    "POST /api/v1/betting/predict body requires hours": lambda s: s["components"]["schemas"][
        "PredictRequest"
    ]["required"].append("hours"),
    "GET /api/v1/betting/top3 200 no longer tells picks": lambda s: s["components"]["schemas"][
        "SlateTold"
    ]["properties"].pop("picks"),
    "GET /api/v1/betting/top3 200 may be without hash": lambda s: s["components"]["schemas"][
        "SlateTold"
    ]["required"].remove("hash"),
    "GET /api/v1/betting/top3 200.bankroll is not string any more": lambda s: s["components"][
        "schemas"
    ]["SlateTold"]["properties"]["bankroll"].update(type="string"),
}


@pytest.mark.parametrize("line", CHANGES)
def test_a_change_that_breaks_callers_is_found(spec: dict[str, Any], line: str) -> None:
    changed = copy.deepcopy(json.loads(json.dumps(spec)))
    CHANGES[line](changed)
    assert line in breaking(spec, changed)


def test_a_new_route_and_a_new_field_break_nobody(spec: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(spec))
    changed["paths"]["/api/v1/new"] = changed["paths"][TOP3]
    changed["components"]["schemas"]["SlateTold"]["properties"]["new"] = {"type": "string"}
    assert breaking(spec, changed) == []
