"""The same application behind an API Gateway, without a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from betting_ai.api import schemas
from betting_ai.api.app import create_app
from betting_ai.api.client import KeyAuth
from betting_ai.api.gateway import behind_gateway
from betting_ai.api.options import ApiOptions
from betting_ai.bootstrap import App, build
from betting_ai.clock import FixedClock
from betting_ai.domain.keys import Scope
from betting_ai.settings import load_settings
from betting_ai.usecases.manage_keys import CreateKeyCommand
from integration.record_world import MORNING, SLUGS, World, pick, slate, world

__all__ = ["world"]  # a fixture

pytestmark = pytest.mark.usefixtures("event_loop")

HOST = "abc123.execute-api.eu-west-1.amazonaws.com"


class Gateway:
    """Calls the application as a REST API of API Gateway does, under the stage ``dev``."""

    def __init__(self, app: App) -> None:
        options = ApiOptions(mode="lambda", authorities=(HOST,))
        self._handler = behind_gateway(create_app(app, options))
        made = app.create_key(CreateKeyCommand("test", frozenset(Scope)))
        self._auth = KeyAuth(made.token, made.signing_secret, stage="/dev", clock=app.clock)

    def __call__(
        self, method: str, path: str, *, binary: bool = False, **options: Any
    ) -> dict[str, Any]:
        request = httpx.Request(method, f"https://{HOST}/dev{path}", **options)
        request = next(self._auth.auth_flow(request))
        body, query = request.content, dict(request.url.params)
        event = {
            "resource": "/{proxy+}",
            "path": path,
            "httpMethod": method,
            "headers": dict(request.headers),
            "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
            "queryStringParameters": query or None,
            "multiValueQueryStringParameters": {k: [v] for k, v in query.items()} or None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {
                "stage": "dev",
                "path": f"/dev{path}",
                "httpMethod": method,
                "protocol": "HTTP/1.1",
                "identity": {"sourceIp": "203.0.113.9"},
            },
            "body": (base64.b64encode(body).decode() if binary else body.decode()) or None,
            "isBase64Encoded": binary,
        }
        answer: dict[str, Any] = self._handler(event, SimpleNamespace(aws_request_id="one"))
        return answer


@pytest.fixture
def gateway(world: World, database_url: str, tmp_path: Path) -> Iterator[Gateway]:
    world.publish(slate(pick(0, 1)))
    loaded = load_settings(home=tmp_path, database_url=database_url, paper_rejects=0, paper_delay=0)
    with build(loaded, FixedClock(MORNING + timedelta(minutes=5))) as app:
        yield Gateway(app)


def test_it_reads_as_under_a_server(gateway: Gateway) -> None:
    answer = gateway("GET", "/api/v1/betting/top3")
    assert answer["statusCode"] == 200
    found = schemas.SlateTold.model_validate_json(answer["body"])
    assert [one.event_id for one in found.picks] == SLUGS[:1]
    assert answer["headers"]["strict-transport-security"].startswith("max-age=")
    listed = gateway("GET", "/api/v1/betting/events", params={"limit": 2})
    assert len(json.loads(listed["body"])["items"]) == 2


@pytest.mark.parametrize("binary", [False, True])
def test_signed_calls_hold_under_a_stage(gateway: Gateway, *, binary: bool) -> None:
    """No session is open, so the bet cannot be; that it was asked for is what counts."""
    answer = gateway("POST", "/api/v1/betting/bets", json={"recommendation_id": 1}, binary=binary)
    problem = schemas.Problem.model_validate_json(answer["body"])
    assert (answer["statusCode"], problem.code) == (422, "invalid_input")
    assert "session" in problem.detail


def test_only_play_money_there_and_no_page_of_metrics(gateway: Gateway) -> None:
    body = {"recommendation_id": 1, "venue": "stake"}
    answer = gateway("POST", "/api/v1/betting/bets", json=body)
    assert answer["statusCode"] == 409
    assert json.loads(answer["body"])["code"] == "venue_not_available"
    assert gateway("GET", "/metrics")["statusCode"] == 404


def test_every_request_is_a_line_that_cloudwatch_counts(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway("GET", "/api/v1/betting/top3")
    gateway("GET", "/api/v1/betting/nothing")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [line for line in lines if "_aws" in line]
    assert [(line["route"], line["status"], line["reason"]) for line in found] == [
        ("/api/v1/betting/top3", 200, None),
        ("unmatched", 404, "not_found"),
    ]
    assert found[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert (found[0]["Requests"], found[1]["Refused"]) == ([1.0], [1.0])
