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


def told_of(one: Deployed) -> dict[str, str]:
    """What other stacks are told of the database, by the names that they know it by."""
    outputs = one.stacks["data"]["Outputs"].values()
    told = {o["Export"]["Name"]: one.told(o["Value"], "data") for o in outputs if "Export" in o}
    return {name: what for name, what in told.items() if f"{what}.".startswith("data.Database.")}


def held(one: Deployed) -> set[str]:
    """What other stacks hold on to."""
    others = "".join(json.dumps(t) for stack, t in one.stacks.items() if stack != "data")
    return {what for name, what in told_of(one).items() if name in others}


def test_nothing_holds_on_to_a_database_that_is_replaced(
    apart: Deployed, deployed: dict[str, Deployed]
) -> None:
    everything = {
        "data.Database",
        "data.Database.DbiResourceId",
        "data.Database.Endpoint.Address",
        "data.Database.MasterUserSecret.SecretArn",
    }
    assert held(deployed["prod"]) == everything
    assert held(apart) == set()
    # Its stack is deployed first, while others still hold on: they are told until they let go.
    assert told_of(apart) == told_of(deployed["prod"])


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
