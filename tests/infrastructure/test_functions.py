"""Functions, and what starts them, feeds them and takes what failed."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from betting_ai.adapters.sql.roles import CONNECTIONS, ROLES
from betting_ai.settings import Settings, load_settings
from betting_ai.usecases.fetch_feeds import request_of
from deployed import Deployed, Resource
from infra.environments import WALLET_AT_ONCE

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
RUNBOOKS = FUNCTIONS.parent / "docs" / "runbooks"
DATABASE = {"api", "ingest_raw", "select_top3", "settle_picks", "migrate_db"}


def variables(each: Deployed, one: Resource) -> dict[str, str]:
    found = one.properties["Environment"]["Variables"]
    return {key: each.told(value, one.stack) for key, value in found.items()}


def test_every_folder_of_functions_is_deployed(each: Deployed) -> None:
    folders = {path.parent.name for path in FUNCTIONS.glob("*/handler.py")}
    assert set(each.functions()) == folders - set(WALLET_AT_ONCE)  # test_wallet.py has those


def test_every_function_is_bounded(each: Deployed) -> None:
    groups = {one.name: one.properties for one in each.all("AWS::Logs::LogGroup")}
    for one in each.all("AWS::Lambda::Function"):
        told = one.properties
        assert 0 < told["Timeout"] <= 900
        assert told["MemorySize"] <= 1769
        group = groups[each.told(told["LoggingConfig"]["LogGroup"], one.stack)]
        assert group["RetentionInDays"] in {7, 30, 90}
    for properties in groups.values():
        assert "RetentionInDays" in properties
    for name, one in each.functions().items():
        assert one.properties["Runtime"] == "python3.13"
        assert one.properties["Architectures"] == ["x86_64"]
        assert one.properties["TracingConfig"] == {"Mode": "Active"}
        assert one.properties["Handler"] == "handler.handler"
        assert ("VpcConfig" in one.properties) == (name in DATABASE)


def test_variables_are_settings_that_load(each: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, one in each.functions().items():
        told = variables(each, one)
        ours = {key: value for key, value in told.items() if key.startswith("BETTING_AI_")}
        for key in ours:
            assert key.removeprefix("BETTING_AI_").lower() in Settings.model_fields, (name, key)
        with monkeypatch.context() as patch:
            for key, value in ours.items():
                # What only AWS knows has a name of its own; hosts are checked for their letters.
                patch.setenv(key, value.replace("<Region>.<URLSuffix>", "region.example"))
            settings = load_settings()
        assert settings.home == Path("/tmp/betting-ai")  # noqa: S108
        assert told["POWERTOOLS_SERVICE_NAME"] == name
        assert told["POWERTOOLS_METRICS_NAMESPACE"] == "BettingAI"


def test_functions_connect_over_verified_tls_with_tokens(each: Deployed) -> None:
    for name, one in each.functions().items():
        told = variables(each, one)
        url = told.get("BETTING_AI_DATABASE_URL")
        assert (url is not None) == (name in DATABASE)
        if url is None:
            continue
        login = "" if name == "migrate_db" else f"betting_{name}@"
        assert url == (
            f"postgresql://{login}data.Database.Endpoint.Address:5432/betting"
            "?sslmode=verify-full&sslrootcert=/opt/rds-ca.pem"
        )
        if name == "migrate_db":
            assert told["BETTING_AI_DATABASE_SECRET"].startswith("data.Database.MasterUserSecret")
            assert "BETTING_AI_DATABASE_MIGRATES" not in told
        else:
            assert told["BETTING_AI_DATABASE_AUTH"] == "iam"
            assert told["BETTING_AI_DATABASE_MIGRATES"] == "false"


def test_connections_stay_within_the_budget(deployed: dict[str, Deployed]) -> None:
    limits = {role.function: role.connections for role in ROLES}
    assert sum(limits.values()) < CONNECTIONS  # and one for whoever migrates
    full = deployed["full"]
    reserved = {
        name: one.properties["ReservedConcurrentExecutions"]
        for name, one in full.functions().items()
    }
    assert sum(reserved[name] for name in DATABASE) <= CONNECTIONS
    for name, limit in limits.items():
        assert reserved[name] < limit, name  # what is gone may still hold one
    for one in deployed.values():
        for mapping in one.all("AWS::Lambda::EventSourceMapping"):
            if mapping.stack == "signer":
                continue  # streams have no such limit, and their functions no connection
            most = mapping.properties["ScalingConfig"]["MaximumConcurrency"]
            function = one.told(mapping.properties["FunctionName"], mapping.stack)
            name = named(one, function)
            assert 2 <= most <= reserved[name]


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_a_new_account_is_asked_to_reserve_nothing(
    deployed: dict[str, Deployed], environment: str
) -> None:
    for one in deployed[environment].functions().values():
        assert "ReservedConcurrentExecutions" not in one.properties


def named(each: Deployed, told: str) -> str:
    """The name of a function by how a template names it."""
    told = told.removesuffix(".Arn")
    [found] = [name for name, one in each.functions().items() if one.name == told]
    return found


def test_what_fails_for_good_is_kept_somewhere(each: Deployed) -> None:
    kept: dict[str, str] = {}
    done: dict[str, str] = {}
    for config in each.all("AWS::Lambda::EventInvokeConfig"):
        name = named(each, each.told(config.properties["FunctionName"], config.stack))
        where = each.words(config.properties["DestinationConfig"], config.stack)
        kept[name] = where["OnFailure"]["Destination"]
        if "OnSuccess" in where:
            done[name] = where["OnSuccess"]["Destination"]
        assert config.properties["MaximumRetryAttempts"] == 2
        assert 0 < config.properties["MaximumEventAgeInSeconds"] <= 6 * 3600
        if name == "select_top3":  # what comes later has less and less to tell
            assert config.properties["MaximumEventAgeInSeconds"] == 3600
    queues = {one.name: one for one in each.all("AWS::SQS::Queue")}
    for mapping in each.all("AWS::Lambda::EventSourceMapping"):
        name = named(each, each.told(mapping.properties["FunctionName"], mapping.stack))
        source = each.told(mapping.properties["EventSourceArn"], mapping.stack)
        queue = queues[source.removesuffix(".Arn")]
        redrive = queue.properties["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == 5
        kept[name] = each.told(redrive["deadLetterTargetArn"], queue.stack)
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        timeout = each.functions()[name].properties["Timeout"]
        assert queue.properties["VisibilityTimeout"] >= 6 * timeout
    assert kept == {
        "fetch_feeds": "data.Failures.Arn",
        "select_top3": "data.Failures.Arn",
        "settle_picks": "data.Failures.Arn",
        "migrate_db": "data.Failures.Arn",
        "ingest_raw": "data.ArrivedFailed.Arn",
        "send_alerts": "alerts.SlateFailed.Arn",
    }
    assert set(each.functions()) - set(kept) == {"api"}  # whoever calls it is answered
    assert done == {"select_top3": "alerts.Slate.Arn"}


def test_announcements_set_off_their_ingestion(each: Deployed) -> None:
    bucket = each.one("data", "Objects", "AWS::S3::Bucket")
    [notice] = bucket.properties["NotificationConfiguration"]["QueueConfigurations"]
    assert each.told(notice["Queue"], "data") == "data.Arrived.Arn"
    assert notice["Event"] == "s3:ObjectCreated:*"
    assert notice["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "inbox/"}]
    # The bucket is refused where the queue does not let it in yet.
    assert any(name.startswith("ArrivedPolicy") for name in bucket.body["DependsOn"])


def schedules(each: Deployed) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in each.all("AWS::Scheduler::Schedule"):
        target = one.properties["Target"]
        found.setdefault(each.told(target["Arn"], one.stack), []).append(one)
    return found


def test_schedules_are_of_london_exact_and_tried_again(each: Deployed) -> None:
    on = each.name != "dev"
    assert set(schedules(each)) == {
        "compute.FetchFeedsFunction.Arn",
        "compute.SelectTop3Function.Arn",
        "compute.SettlePicksFunction.Arn",
        "models.Retrain.Arn",
    }
    for one in each.all("AWS::Scheduler::Schedule"):
        told = one.properties
        assert told["ScheduleExpressionTimezone"] == "Europe/London"
        assert told["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert told["State"] == ("ENABLED" if on else "DISABLED")
        assert told["Target"]["RetryPolicy"]["MaximumRetryAttempts"] >= 3
        missed = each.told(told["Target"]["DeadLetterConfig"]["Arn"], one.stack)
        assert missed == f"{'models' if one.stack == 'models' else 'data'}.Missed.Arn"


def test_schedules_ask_for_what_functions_understand(each: Deployed) -> None:
    at = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
    asked = {}
    for one in each.all("AWS::Scheduler::Schedule"):
        if one.stack != "compute":
            continue
        event = json.loads(one.properties["Target"]["Input"])
        assert event.pop("at") == "<aws.scheduler.scheduled-time>"
        asked[one.id.rstrip("0123456789ABCDEF")] = event
        if "feeds" in event:
            assert set(event) <= {*("feeds", "seasons", "fixtures", "results", "extra", "hours")}
            request_of(event, at, ("E0",))
        else:
            assert event == {}
    feeds = {feed for event in asked.values() for feed in event.get("feeds", ())}
    assert feeds == {"football_data", "odds_api", "cloudbet"}


def test_the_day_is_in_order(each: Deployed) -> None:
    first = {
        one.id.rstrip("0123456789ABCDEF"): one.properties["ScheduleExpression"]
        for one in each.all("AWS::Scheduler::Schedule")
    }
    minutes = {
        name: 60 * int(hours.split(",")[0]) + int(minute)
        for name, expression in first.items()
        for minute, hours, *_ in [expression.removeprefix("cron(").split()]
    }
    assert minutes["Site"] < minutes["Prices"] < minutes["Select"] < minutes["Results"]


def test_the_database_is_upgraded_before_whoever_uses_it(each: Deployed) -> None:
    [trigger] = each.all("Custom::Trigger")
    assert trigger.properties["InvocationType"] == "RequestResponse"
    assert int(trigger.properties["Timeout"]) == 14 * 60 * 1000
    assert trigger.properties["ExecuteOnHandlerChange"] is True
    # A version of its own each time: it changes with the code, the layers and the settings.
    version = trigger.properties["HandlerArn"]["Ref"]
    assert each.stacks["compute"]["Resources"][version]["Type"] == "AWS::Lambda::Version"
    migrate = each.functions()["migrate_db"]
    assert migrate.properties["Timeout"] < 14 * 60
    for name in ("ingest_raw", "select_top3", "settle_picks"):
        assert trigger.id in each.functions()[name].body["DependsOn"]


def test_the_api_is_replaced_after_the_database(assembly: Path, each: Deployed) -> None:
    folder = assembly / f"assembly-betting-ai-{each.name}"
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    [api] = [
        one
        for one in artifacts.values()
        if one.get("displayName", "").startswith(f"betting-ai-{each.name}/api")
    ]
    after = {artifacts[name].get("displayName", "").split(" ")[0] for name in api["dependencies"]}
    assert f"betting-ai-{each.name}/compute" in after


def test_functions_hold_their_handler_alone(assembly: Path, each: Deployed) -> None:
    for name, one in each.functions().items():
        key = one.properties["Code"]["S3Key"].removesuffix(".zip")
        held = {path.name for path in (assembly / f"asset.{key}").rglob("*")}
        assert held == {"handler.py"}
        handler = (assembly / f"asset.{key}" / "handler.py").read_bytes()
        assert handler == (FUNCTIONS / name / "handler.py").read_bytes()


def told_metrics(name: str) -> set[str]:
    """Names of metrics that a handler tells of."""
    tree = ast.parse((FUNCTIONS / name / "handler.py").read_text())
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"add_metric", "count"}
        and isinstance(call.args[0], ast.Constant)
    }


def test_alarms_watch_what_is_told_of(each: Deployed) -> None:
    watched = set()
    for alarm in each.all("AWS::CloudWatch::Alarm"):
        told = alarm.properties
        assert told["AlarmDescription"]
        assert told["AlarmActions"] == told["OKActions"]
        assert each.words(told["AlarmActions"], alarm.stack) == ["alerts.Alarms"]
        if told["Namespace"] == "BettingAI":
            [dimension] = told["Dimensions"]
            assert dimension["Name"] == "service"
            assert told["MetricName"] in told_metrics(dimension["Value"]), alarm.name
            watched.add(told["MetricName"])
    assert watched >= {
        *("SlateSelected", "PicksWithheld", "ClvMean90d", "PriceAgeSeconds", "ModelAgeHours"),
        *("FeedFailed", "PayloadsRefused", "ResultsMissing"),
    }


def test_graphs_show_what_is_told_of(each: Deployed) -> None:
    [dashboard] = each.all("AWS::CloudWatch::Dashboard")
    body = json.loads(each.told(dashboard.properties["DashboardBody"], dashboard.stack))
    shown = {
        (metric[1], metric[3])
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == "BettingAI"
    }
    for name, service in shown:
        assert name in told_metrics(service), (service, name)
    assert len(shown) >= 12


def test_alarms_watch_every_function_and_every_last_queue(each: Deployed) -> None:
    watched: dict[str, set[str]] = {}
    for alarm in each.all("AWS::CloudWatch::Alarm"):
        for dimension in alarm.properties["Dimensions"]:
            value = each.told(dimension["Value"], alarm.stack)
            watched.setdefault(alarm.properties["MetricName"], set()).add(value)
    functions = {one.name for one in each.functions().values()}
    assert watched["Errors"] == watched["Throttles"] == functions
    work = {"data.Arrived", "alerts.Slate"}
    last = {one.name for one in each.all("AWS::SQS::Queue")} - work
    depth = watched["ApproximateNumberOfMessagesVisible"]
    assert depth == {f"{name}.QueueName" for name in last}


def test_silence_is_told_of_where_something_should_happen(deployed: dict[str, Deployed]) -> None:
    silence = {
        name: one.one("observability", "NoSlate", "AWS::CloudWatch::Alarm").properties[
            "TreatMissingData"
        ]
        for name, one in deployed.items()
    }
    assert silence["dev"] == "notBreaching"
    assert silence["stage"] == silence["prod"] == "breaching"


def test_alarms_can_go_off(each: Deployed) -> None:
    """Where numbers come now and then, gaps that count as good would hide any row of bad ones."""
    for alarm in each.all("AWS::CloudWatch::Alarm"):
        told = alarm.properties
        seconds = told["Period"] * told["EvaluationPeriods"]
        assert seconds <= 7 * 24 * 3600, alarm.name  # the longest that CloudWatch looks back
        rows = told["EvaluationPeriods"] > 1 and told["Namespace"] == "BettingAI"
        if rows and each.name != "dev":
            assert told["TreatMissingData"] == "breaching", alarm.name


def test_cost_is_told_of_before_it_is_spent(deployed: dict[str, Deployed]) -> None:
    limits = {}
    for name, one in deployed.items():
        [budget] = one.all("AWS::Budgets::Budget")
        limits[name] = budget.properties["Budget"]["BudgetLimit"]["Amount"]
        told = {
            (n["Notification"]["NotificationType"], n["Notification"]["Threshold"])
            for n in budget.properties["NotificationsWithSubscribers"]
        }
        assert told == {("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
        for notification in budget.properties["NotificationsWithSubscribers"]:
            [subscriber] = notification["Subscribers"]
            assert one.told(subscriber["Address"], budget.stack) == "alerts.Alarms"
    assert limits["dev"] < limits["stage"] < limits["prod"]


def test_cost_is_told_by_mail_where_nobody_operates(tmp_path: Path, node: None) -> None:
    import aws_cdk as cdk

    from infra.app import build
    from infra.environments import environment_of

    mails = ("me@example.org", "you@example.org")
    alone = dataclasses.replace(environment_of("dev"), emails=mails)
    build(cdk.App(outdir=str(tmp_path), analytics_reporting=False), [alone], tmp_path).synth()
    dev = Deployed.read(tmp_path / "assembly-betting-ai-dev")
    [budget] = dev.all("AWS::Budgets::Budget")
    for notification in budget.properties["NotificationsWithSubscribers"]:
        told = {
            (one["SubscriptionType"], dev.told(one["Address"], budget.stack))
            for one in notification["Subscribers"]
        }
        assert told == {("SNS", "alerts.Alarms"), *(("EMAIL", mail) for mail in mails)}


def test_people_are_subscribed_as_the_environment_says(deployed: dict[str, Deployed]) -> None:
    assert not deployed["prod"].all("AWS::SNS::Subscription")
    full = deployed["full"]
    told = {
        (full.told(one.properties["TopicArn"], one.stack), one.properties["Endpoint"])
        for one in full.all("AWS::SNS::Subscription")
    }
    assert told == {
        ("alerts.Slates", "me@example.org"),
        ("alerts.Slates", "you@example.org"),
        ("alerts.Alarms", "operator@example.org"),
    }
    for one in full.all("AWS::SNS::Subscription"):
        untold = full.told(one.properties["RedrivePolicy"]["deadLetterTargetArn"], one.stack)
        assert untold == "alerts.Untold.Arn"


def test_what_runbooks_ask_stacks_for_is_told(each: Deployed) -> None:
    text = "".join(path.read_text() for path in sorted(RUNBOOKS.glob("*.md")))
    asked = set(re.findall(r"\$\(told (\w+) (\w+)\)", text))
    assert {name for _, name in asked} == {
        *("ArrivedFailedArn", "SlateFailedArn", "FailuresUrl", "RetrainName"),
    }
    for stack, name in asked | {("models", "PromoteName")}:
        assert name in each.stacks[stack]["Outputs"], (stack, name)
