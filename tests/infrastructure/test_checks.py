"""Checks of others: cdk-nag, and CloudFormation's own rules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployed import Deployed

LEFT = {
    # The construct kit says twice what a function's role is: harmless.
    "W3005",
}


def test_nag_finds_nothing_that_has_no_reason(reports: list[dict[str, Any]]) -> None:
    assert reports == []  # what was found would be here, and writing them would have failed


def test_a_finding_without_a_reason_stops_the_writing(tmp_path: Path, node: None) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_sqs as sqs

    from infra.app import build

    app = build(cdk.App(outdir=str(tmp_path), analytics_reporting=False), ())
    sqs.Queue(cdk.Stack(app, "careless"), "Queue")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    found = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    rules = {violation["ruleName"] for one in found for violation in one["violations"]}
    assert {"AwsSolutions-SQS4", "Serverless-SQSRedrivePolicy"} <= rules


def test_every_finding_that_is_left_has_its_reason() -> None:
    from infra import nag

    for one in nag.LEFT:
        assert one.rules
        assert one.where
        assert len(one.reason) > 20


def test_all_stacks_are_there(deployed: dict[str, Deployed]) -> None:
    assert set(deployed) == {"dev", "stage", "prod", "full", "wallet"}
    for name, one in deployed.items():
        assert set(one.stacks) == {
            *("network", "data", "models", "alerts", "compute", "api", "observability"),
            *(("signer",) if name == "wallet" else ()),
        }


def test_nothing_is_looked_up(assembly: Path) -> None:
    for path in assembly.glob("assembly-*/manifest.json"):
        manifest = json.loads(path.read_text())
        assert not manifest.get("missing")
        for one in manifest["artifacts"].values():
            if one["type"] == "aws:cloudformation:stack":
                assert one["environment"] == "aws://unknown-account/unknown-region"


@pytest.mark.parametrize(
    ("environment", "stacks"),
    [
        ("dev", set()),
        ("stage", {"network", "data", "models"}),
        ("prod", {"network", "data", "models"}),
    ],
)
def test_stacks_with_data_are_protected(assembly: Path, environment: str, stacks: set[str]) -> None:
    path = assembly / f"assembly-betting-ai-{environment}" / "manifest.json"
    protected = {
        one["properties"]["stackName"].rpartition("-")[2]
        for one in json.loads(path.read_text())["artifacts"].values()
        if one.get("properties", {}).get("terminationProtection")
    }
    assert protected == stacks


@pytest.mark.slow
def test_templates_keep_the_specification_of_cloudformation(assembly: Path) -> None:
    templates = sorted(assembly.glob("assembly-*/*.template.json"))
    done = subprocess.run(
        [
            *(
                Path(sys.executable).with_name("cfn-lint"),
                "--format",
                "json",
                "--regions",
                "eu-west-2",
            ),
            *("--ignore-checks", *sorted(LEFT), "--template", *map(str, templates)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [
        (one["Rule"]["Id"], one["Filename"].split("/")[-1], one["Message"])
        for one in json.loads(done.stdout or "[]")
    ]
    assert found == []
    assert done.returncode == 0, done.stderr
