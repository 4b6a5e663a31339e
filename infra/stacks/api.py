"""The API: a gateway that counts and throttles, a wall before it, and the function behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.constructs.function import RETENTION, Function, Size
from infra.constructs.layers import Layers
from infra.environments import Environment
from infra.stacks.data import DataStack
from infra.stacks.models import ModelsStack
from infra.stacks.network import NetworkStack
from infra.stacks.signer import SignerStack

STAGE: Final = "live"

CALLS_IN_FIVE_MINUTES: Final = 2000
"""Most calls of one address; more are turned away at the wall."""

MANAGED_RULES: Final = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)

_LOGGING = (
    "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups",
    "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:PutLogEvents",
)  # fmt: skip

_ACCESS = {
    "time": "$context.requestTime",
    "request_id": "$context.requestId",
    "xray": "$context.xrayTraceId",
    "address": "$context.identity.sourceIp",
    "key_id": "$context.identity.apiKeyId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "function_milliseconds": "$context.integration.latency",
    "function_status": "$context.integration.status",
    "waf": "$context.waf.status",
    "error": "$context.error.responseType",
}
"""A line of the gateway's log: the route's template and never the path, the caller's own text."""


class ApiStack(cdk.Stack):
    """The gateway, its function and its wall.

    Attributes:
        gateway: the REST API.
        function: answers.
        wall: what calls pass first.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        network: NetworkStack,
        data: DataStack,
        models: ModelsStack,
        layers: Path,
        signer: SignerStack | None,
    ) -> None:
        super().__init__(scope, name)
        self.gateway = self._gateway(environment)
        self.function = self._function(environment, network, data, models, layers, signer)
        self._routes()
        self._failures()
        self._clients(environment)
        self.wall = self._wall(environment)
        cdk.CfnOutput(self, "Address", value=self.gateway.url, description="Of the dashboard")

    def _gateway(self, environment: Environment) -> apigateway.RestApi:
        rate = environment.requests_per_second
        # Most calls at once of each way to spend: placing bets, asking for predictions.
        costly = apigateway.MethodDeploymentOptions(
            throttling_rate_limit=max(1, rate // 10), throttling_burst_limit=max(2, rate // 5)
        )
        gateway = apigateway.RestApi(
            self,
            "Gateway",
            rest_api_name=f"betting-ai-{environment.name}",  # its metrics go by it
            description="Betting AI",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=False,  # it would come with a managed policy
            policy=_allow_list(environment),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                access_log_destination=apigateway.LogGroupLogDestination(
                    logs.LogGroup(
                        self,
                        "AccessLog",
                        retention=RETENTION[environment.log_days],
                        removal_policy=cdk.RemovalPolicy.DESTROY,
                    )
                ),
                access_log_format=apigateway.AccessLogFormat.custom(
                    json.dumps(_ACCESS, separators=(",", ":"))
                ),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,  # bodies hold what is nobody's business
                metrics_enabled=True,
                tracing_enabled=True,
                throttling_rate_limit=rate,
                throttling_burst_limit=2 * rate,
                method_options={
                    "/api/{proxy+}/POST": costly,
                    "/login/POST": apigateway.MethodDeploymentOptions(
                        throttling_rate_limit=1, throttling_burst_limit=5
                    ),
                },
            ),
        )
        role = iam.Role(
            self,
            "LogRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description="Lets the account's gateways write logs",
            # Within the role, as the gateway tries it the moment that it is there.
            inline_policies={
                "Log": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=[*_LOGGING],
                            resources=[f"arn:{self.partition}:logs:{self.region}:{self.account}:*"],
                        )
                    ]
                )
            },
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        gateway.deployment_stage.node.add_dependency(account)
        return gateway

    def _function(
        self,
        environment: Environment,
        network: NetworkStack,
        data: DataStack,
        models: ModelsStack,
        layers: Path,
        signer: SignerStack | None,
    ) -> Function:
        host = f"{self.gateway.rest_api_id}.execute-api.{self.region}.{self.url_suffix}"
        networks = {"API_NETWORKS": ",".join(environment.networks)} if environment.networks else {}
        function = Function(
            self,
            "api",
            environment,
            size=Size(seconds=29, memory=1769),
            layers=Layers(self, "Layers", layers).of("runtime", "inference", "api", "domain"),
            variables={
                "API_AUTHORITIES": host,
                "SECRETS_ID": data.application_secret.secret_arn,
                "MODELS_BUCKET": models.bucket.bucket_name,
                **data.login("api"),
                **networks,
            },
            place=network.place,
            path=signer.requester_path if signer else None,
        )
        if signer is not None:
            signer.let_ask(function)
        data.let_in(function)
        models.let_read(function)
        function.allow("secretsmanager:GetSecretValue", on=[data.application_secret.secret_arn])
        return function

    def _routes(self) -> None:
        checks = self.gateway.add_request_validator(
            "Checks", validate_request_parameters=True, validate_request_body=True
        )
        behind = apigateway.LambdaIntegration(
            self.function.function, proxy=True, allow_test_invoke=False
        )

        def add(resource: apigateway.IResource, *methods: str, key: bool = False) -> None:
            for method in methods:
                resource.add_method(method, behind, api_key_required=key, request_validator=checks)

        root = self.gateway.root
        add(root, "GET")
        add(root.add_resource("health"), "GET")
        add(root.add_resource("login"), "GET", "POST")
        # The dashboard's pages and files, with a cookie of their own.
        add(root.add_resource("{proxy+}"), "GET")
        api = root.add_resource("api").add_resource("{proxy+}")
        add(api, "GET", "POST", key=True)
        add(api, "OPTIONS")  # browsers ask before they send a key

    def _failures(self) -> None:
        """What the gateway refuses by itself is told as the application tells it."""
        for name, kind, status, title, code, detail, wait in _FAILURES:
            headers = {
                "Content-Type": "'application/problem+json'",
                "Cache-Control": "'no-store'",
                "Access-Control-Allow-Origin": "'*'",
                "Access-Control-Expose-Headers": "'Retry-After'",
            }
            if wait:
                headers["Retry-After"] = f"'{wait}'"
            body = {
                "type": f"urn:betting-ai:problem:{code}",
                "title": title,
                "status": int(status),
                "detail": detail,
                "instance": "",
                "code": code,
                "request_id": "$context.requestId",
            }
            self.gateway.add_gateway_response(
                name,
                type=kind,
                status_code=status,
                response_headers=headers,
                templates={"application/json": json.dumps(body)},
            )

    def _clients(self, environment: Environment) -> None:
        """A key for each client: it says who calls and how often, and lets nobody in."""
        plan = self.gateway.add_usage_plan(
            "Plan",
            description="Every client",
            throttle=apigateway.ThrottleSettings(
                rate_limit=max(1, environment.requests_per_second // 2),
                burst_limit=environment.requests_per_second,
            ),
            quota=apigateway.QuotaSettings(
                limit=environment.requests_per_day, period=apigateway.Period.DAY
            ),
        )
        plan.add_api_stage(stage=self.gateway.deployment_stage)
        for client in environment.clients:
            key = self.gateway.add_api_key(f"Client{client.capitalize()}", description=client)
            plan.add_api_key(key)

    def _wall(self, environment: Environment) -> waf.CfnWebACL:
        blocked = waf.CfnIPSet(
            self,
            "Blocked",
            scope="REGIONAL",
            ip_address_version="IPV4",
            addresses=[],
            description="Addresses that operators shut out, without a deployment",
        )
        rules = [("Blocked", _from(blocked), False)]
        if environment.networks:
            allowed = waf.CfnIPSet(
                self,
                "Allowed",
                scope="REGIONAL",
                ip_address_version="IPV4",
                addresses=[*environment.networks],
                description="The only networks that may call",
            )
            outside = waf.CfnWebACL.NotStatementProperty(statement=_from(allowed))
            rules.append(("Outside", waf.CfnWebACL.StatementProperty(not_statement=outside), False))
        rate = waf.CfnWebACL.RateBasedStatementProperty(
            limit=CALLS_IN_FIVE_MINUTES, aggregate_key_type="IP"
        )
        rules.append(("Rate", waf.CfnWebACL.StatementProperty(rate_based_statement=rate), False))
        rules.extend((group, _managed(group), True) for group in MANAGED_RULES)
        wall = waf.CfnWebACL(
            self,
            "Wall",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible("Wall"),
            rules=[
                waf.CfnWebACL.RuleProperty(
                    name=rule,
                    priority=place,
                    # Groups decide by themselves; ours block.
                    action=None if group else waf.CfnWebACL.RuleActionProperty(block={}),
                    override_action=(
                        waf.CfnWebACL.OverrideActionProperty(none={}) if group else None
                    ),
                    statement=statement,
                    visibility_config=_visible(rule),
                )
                for place, (rule, statement, group) in enumerate(rules)
            ],
        )
        waf.CfnWebACLAssociation(
            self,
            "WallBeforeGateway",
            resource_arn=self.gateway.deployment_stage.stage_arn,
            web_acl_arn=wall.attr_arn,
        )
        return wall


_Kind = apigateway.ResponseType

_FAILURES: Final = (
    ("Failed", _Kind.DEFAULT_4_XX, "400", "Malformed request", "malformed",
     "the gateway cannot read this request", 0),
    ("Broken", _Kind.DEFAULT_5_XX, "503", "Not available for now", "unavailable",
     "no answer came in time; try again", 5),
    ("Denied", _Kind.ACCESS_DENIED, "403", "Not allowed", "forbidden",
     "this address may not call", 0),
    ("NoKey", _Kind.INVALID_API_KEY, "403", "Not allowed", "gateway_key",
     "send the key of the gateway as x-api-key", 0),
    ("NoRoute", _Kind.MISSING_AUTHENTICATION_TOKEN, "404", "Not found", "not_found",
     "there is nothing at this path; /docs shows what there is", 0),
    ("Walled", _Kind.WAF_FILTERED, "403", "Not allowed", "forbidden",
     "this request was turned away", 0),
    ("TooLarge", _Kind.REQUEST_TOO_LARGE, "413", "Too large", "too_large",
     "a request has at most 10 MB", 0),
    ("Unsupported", _Kind.UNSUPPORTED_MEDIA_TYPE, "415", "Unsupported media type",
     "unsupported_media_type", "send application/json", 0),
    ("TooMany", _Kind.THROTTLED, "429", "Too many requests", "rate_limited",
     "too many calls at once; wait a moment", 1),
    ("UsedUp", _Kind.QUOTA_EXCEEDED, "429", "Too many requests", "quota_exceeded",
     "the day's calls of this client are used up", 3600),
)  # fmt: skip


def _allow_list(environment: Environment) -> iam.PolicyDocument | None:
    """Behind the wall once more: who is not in the environment's networks is denied."""
    if not environment.networks:
        return None
    invoke: dict[str, Any] = {
        "principals": [iam.AnyPrincipal()],
        "actions": ["execute-api:Invoke"],
        "resources": ["execute-api:/*"],
    }
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(**invoke),
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                conditions={"NotIpAddress": {"aws:SourceIp": [*environment.networks]}},
                **invoke,
            ),
        ]
    )


def _from(addresses: waf.CfnIPSet) -> waf.CfnWebACL.StatementProperty:
    """Who calls from a set of addresses."""
    return waf.CfnWebACL.StatementProperty(ip_set_reference_statement={"arn": addresses.attr_arn})


def _managed(group: str) -> waf.CfnWebACL.StatementProperty:
    """What a group of rules of AWS finds."""
    return waf.CfnWebACL.StatementProperty(
        managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
            vendor_name="AWS", name=group
        )
    )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, sampled_requests_enabled=True, metric_name=name
    )
