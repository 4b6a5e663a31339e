"""The gateway before the API, and the wall before the gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest

from betting_ai.api.problems import problem
from deployed import Deployed


def routes(each: Deployed) -> dict[tuple[str, str], dict[str, Any]]:
    """Methods by path and verb."""
    resources = each.stacks["api"]["Resources"]

    def path(resource: dict[str, Any]) -> str:
        if "Fn::GetAtt" in resource:  # of the root
            return ""
        part = resources[resource["Ref"]]["Properties"]
        return f"{path(part['ParentId'])}/{part['PathPart']}"

    return {
        (path(one.properties["ResourceId"]) or "/", one.properties["HttpMethod"]): one.properties
        for one in each.all("AWS::ApiGateway::Method")
    }


def test_the_api_needs_a_key_and_pages_do_not(each: Deployed) -> None:
    keys = {route: told.get("ApiKeyRequired", False) for route, told in routes(each).items()}
    assert keys == {
        ("/", "GET"): False,
        ("/health", "GET"): False,
        ("/login", "GET"): False,
        ("/login", "POST"): False,
        ("/{proxy+}", "GET"): False,
        ("/api/{proxy+}", "GET"): True,
        ("/api/{proxy+}", "POST"): True,
        ("/api/{proxy+}", "OPTIONS"): False,  # browsers send none when they ask
    }


def test_every_call_is_checked_and_answered_by_the_function(each: Deployed) -> None:
    for told in routes(each).values():
        assert told["Integration"]["Type"] == "AWS_PROXY"
        assert "Ref" in told["RequestValidatorId"]
        assert "ApiFunction" in json.dumps(told["Integration"]["Uri"])
    [gateway] = each.all("AWS::ApiGateway::RestApi")
    assert gateway.properties["EndpointConfiguration"]["Types"] == ["REGIONAL"]


def test_only_the_gateway_may_call_the_function(each: Deployed) -> None:
    for one in each.all("AWS::Lambda::Permission"):
        assert one.stack == "api"
        assert one.properties["Principal"] == "apigateway.amazonaws.com"
        assert each.told(one.properties["SourceArn"], one.stack).startswith(
            "arn:<Partition>:execute-api:<Region>:<AccountId>:api.Gateway/"
        )


def test_the_application_is_told_its_own_host(each: Deployed) -> None:
    variables = each.functions()["api"].properties["Environment"]["Variables"]
    host = each.told(variables["BETTING_AI_API_AUTHORITIES"], "api")
    assert host == "api.Gateway.execute-api.<Region>.<URLSuffix>"


def test_callers_are_throttled_by_method_and_by_client(each: Deployed) -> None:
    [stage] = each.all("AWS::ApiGateway::Stage")
    rates = {
        (one["ResourcePath"], one["HttpMethod"]): one["ThrottlingRateLimit"]
        for one in stage.properties["MethodSettings"]
    }
    everything = rates["/*", "*"]
    assert rates["/~1api~1{proxy+}", "POST"] < everything
    assert rates["/~1login", "POST"] == 1
    [plan] = each.all("AWS::ApiGateway::UsagePlan")
    assert plan.properties["Throttle"]["RateLimit"] < everything
    assert plan.properties["Quota"]["Period"] == "DAY"
    clients = each.all("AWS::ApiGateway::ApiKey")
    assert len(clients) == len(each.all("AWS::ApiGateway::UsagePlanKey")) >= 1
    for one in clients:
        assert "Value" not in one.properties  # the gateway makes it


def test_calls_are_logged_and_traced_without_what_they_say(each: Deployed) -> None:
    [stage] = each.all("AWS::ApiGateway::Stage")
    assert stage.properties["TracingEnabled"] is True
    for one in stage.properties["MethodSettings"]:
        assert not one.get("DataTraceEnabled")
    line = json.loads(stage.properties["AccessLogSetting"]["Format"])
    assert line["request_id"] == "$context.requestId"
    assert not [value for value in line.values() if "authorizer" in value or "header" in value]


def test_refusals_of_the_gateway_look_like_those_of_the_application(each: Deployed) -> None:
    ours = json.loads(bytes(problem(403, "forbidden", "why").body))
    kinds = {}
    for one in each.all("AWS::ApiGateway::GatewayResponse"):
        told = one.properties
        parameters = {
            name.removeprefix("gatewayresponse.header."): value.strip("'")
            for name, value in told["ResponseParameters"].items()
        }
        body = json.loads(told["ResponseTemplates"]["application/json"])
        assert list(body) == list(ours)
        assert str(body["status"]) == told["StatusCode"]
        assert body["type"] == f"urn:betting-ai:problem:{body['code']}"
        assert parameters["Content-Type"] == "application/problem+json"
        assert parameters["Access-Control-Allow-Origin"] == "*"
        waits = told["StatusCode"] in {"429", "503"}
        assert parameters.get("Retry-After", "0").isdigit()
        assert ("Retry-After" in parameters) == waits
        kinds[told["ResponseType"]] = told["StatusCode"]
    assert kinds == {
        "DEFAULT_4XX": "400",
        "DEFAULT_5XX": "503",
        "ACCESS_DENIED": "403",
        "INVALID_API_KEY": "403",
        "MISSING_AUTHENTICATION_TOKEN": "404",
        "WAF_FILTERED": "403",
        "REQUEST_TOO_LARGE": "413",
        "UNSUPPORTED_MEDIA_TYPE": "415",
        "THROTTLED": "429",
        "QUOTA_EXCEEDED": "429",
    }


@pytest.mark.parametrize(
    ("environment", "outside"), [("dev", False), ("prod", False), ("full", True)]
)
def test_the_wall_stands_before_the_gateway(
    deployed: dict[str, Deployed], environment: str, outside: bool
) -> None:
    one = deployed[environment]
    [wall] = one.all("AWS::WAFv2::WebACL")
    rules = sorted(wall.properties["Rules"], key=lambda rule: rule["Priority"])
    assert [rule["Name"] for rule in rules] == [
        "Blocked",
        *(["Outside"] if outside else []),
        "Rate",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ]
    for rule in rules:
        managed = "ManagedRuleGroupStatement" in rule["Statement"]
        assert ("OverrideAction" in rule) == managed
        assert rule.get("Action", {"Block": {}}) == {"Block": {}}
        assert rule.get("OverrideAction", {"None": {}}) == {"None": {}}
    [before] = one.all("AWS::WAFv2::WebACLAssociation")
    assert one.told(before.properties["WebACLArn"], "api") == "api.Wall.Arn"
    assert "/stages/" in one.told(before.properties["ResourceArn"], "api")


def test_networks_are_let_in_at_every_door(deployed: dict[str, Deployed]) -> None:
    for name in ("dev", "stage", "prod"):
        [gateway] = deployed[name].all("AWS::ApiGateway::RestApi")
        assert "Policy" not in gateway.properties
    full = deployed["full"]
    networks = ["203.0.113.0/24", "198.51.100.7/32"]
    [gateway] = full.all("AWS::ApiGateway::RestApi")
    allow, deny = gateway.properties["Policy"]["Statement"]
    assert allow["Effect"] == "Allow"
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"NotIpAddress": {"aws:SourceIp": networks}}
    assert full.one("api", "Allowed", "AWS::WAFv2::IPSet").properties["Addresses"] == networks
    variables = full.functions()["api"].properties["Environment"]["Variables"]
    assert variables["BETTING_AI_API_NETWORKS"] == ",".join(networks)
