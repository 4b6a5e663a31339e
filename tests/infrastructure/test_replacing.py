"""What takes the place of what: a database of another, a migration of the last."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from deployed import Deployed
from templates import nobody

SNAPSHOT = "before-the-accident"


def written(folder: Path, layers: Path, **changes: Any) -> Deployed:
    """The templates of prod, with changes."""
    with nobody():
        import aws_cdk as cdk

        from infra.app import build
        from infra.environments import environment_of

        prod = dataclasses.replace(environment_of("prod"), **changes)
        build(cdk.App(outdir=str(folder), analytics_reporting=False), [prod], layers).synth()
    return Deployed.read(folder / "assembly-betting-ai-prod")


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """An environment whose database is about to be replaced."""
    folder = tmp_path_factory.mktemp("apart")
    return written(folder, folder / "none", apart=True, snapshot=SNAPSHOT)


def imports_of_database(one: Deployed) -> set[str]:
    exported = {
        output["Export"]["Name"]: one.told(output["Value"], "data")
        for output in one.stacks["data"]["Outputs"].values()
        if "Export" in output
    }
    return {
        name
        for stack, template in one.stacks.items()
        for name, what in exported.items()
        if stack != "data" and name in json.dumps(template) and "data.Database." in f"{what}."
    }


def test_nothing_holds_on_to_a_database_that_is_replaced(
    apart: Deployed, deployed: dict[str, Deployed]
) -> None:
    assert len(imports_of_database(deployed["prod"])) >= 4  # address, id, name and secret
    assert imports_of_database(apart) == set()


def test_nothing_happens_by_itself_meanwhile(apart: Deployed) -> None:
    assert not apart.all("Custom::Trigger")
    [ingest] = [
        one for one in apart.all("AWS::Lambda::EventSourceMapping") if one.stack == "compute"
    ]
    assert ingest.properties["Enabled"] is False  # what arrives waits
    states = {
        one.properties["State"]
        for one in apart.all("AWS::Scheduler::Schedule")
        if one.stack == "compute"
    }
    assert states == {"DISABLED"}


def test_the_next_database_is_made_from_the_snapshot(
    apart: Deployed, deployed: dict[str, Deployed]
) -> None:
    [new] = [one.properties for one in apart.all("AWS::RDS::DBInstance")]
    [old] = [one.properties for one in deployed["prod"].all("AWS::RDS::DBInstance")]
    assert new["DBSnapshotIdentifier"] == SNAPSHOT
    own = {"DBName", "DeleteAutomatedBackups", "MasterUsername", "StorageEncrypted"}
    assert set(old) - set(new) == own
    assert set(new) - set(old) == {"DBSnapshotIdentifier"}


def test_the_migration_runs_again_with_a_new_layer_alone(tmp_path: Path) -> None:
    ran = []
    for number in (1, 2, 2):
        (tmp_path / "layers" / "domain" / "python").mkdir(parents=True, exist_ok=True)
        (tmp_path / "layers" / "domain" / "python" / "schema.py").write_text(f"HEAD = {number}")
        once = written(tmp_path / f"out{len(ran)}", tmp_path / "layers")
        [trigger] = once.all("Custom::Trigger")
        ran.append(trigger.properties["HandlerArn"]["Ref"])
    first, second, third = ran
    assert first != second
    assert second == third
