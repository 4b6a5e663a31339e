"""Who trains models in AWS, with what, and what follows."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from betting_ai.domain.markets import BETTING_MARKETS
from deployed import Deployed

ROOT = Path(__file__).resolve().parents[2]


def test_a_build_is_one_target_of_the_makefile(each: Deployed) -> None:
    builds = {}
    for one in each.all("AWS::CodeBuild::Project"):
        source = one.properties["Source"]
        specification = json.loads(source["BuildSpec"])
        assert specification["phases"]["install"] == {"runtime-versions": {"python": "3.13"}}
        assert set(specification["phases"]) == {"install", "build"}
        [builds[one.name]] = specification["phases"]["build"]["commands"]
        assert source["Type"] == "S3"
        assert "VpcConfig" not in one.properties
        assert one.properties["Environment"]["PrivilegedMode"] is False
        assert one.properties["ConcurrentBuildLimit"] == 1
        assert one.properties["Artifacts"] == {"Type": "NO_ARTIFACTS"}
    assert builds == {"models.Retrain": "make retrain", "models.Promote": "make promote"}


def test_promotion_follows_training_that_succeeded(each: Deployed) -> None:
    [rule] = each.all("AWS::Events::Rule")
    detail = rule.properties["EventPattern"]["detail"]
    assert each.words(detail, "models") == {
        "project-name": ["models.Retrain"],
        "build-status": ["SUCCEEDED"],
    }
    [target] = rule.properties["Targets"]
    assert each.told(target["Arn"], "models") == "models.Promote.Arn"
    assert each.told(target["DeadLetterConfig"]["Arn"], "models") == "models.Missed.Arn"


def test_training_is_off_in_dev(deployed: dict[str, Deployed]) -> None:
    states = {
        name: one.one("models", "Weekly", "AWS::Scheduler::Schedule").properties["State"]
        for name, one in deployed.items()
    }
    assert states["dev"] == "DISABLED"
    assert states["stage"] == states["prod"] == "ENABLED"


def test_builds_get_the_source_and_no_more(assembly: Path, each: Deployed) -> None:
    [project] = [one for one in each.all("AWS::CodeBuild::Project") if "Retrain" in one.id]
    location = json.dumps(project.properties["Source"]["Location"])
    match = re.search(r"/([0-9a-f]{64})\.zip", location)
    assert match
    held = assembly / f"asset.{match[1]}"
    assert {path.name for path in held.iterdir()} == {
        *("LICENSE", "Makefile", "README.md", "layers", "pyproject.toml", "requirements"),
    }
    assert {path.name for path in (held / "layers").iterdir()} == {"domain", "signing"}
    assert (held / "layers/domain/python/betting_ai/training/train.py").is_file()
    assert not list(held.rglob("__pycache__"))
    # It is enough to say what a target would do.
    done = subprocess.run(
        ["make", "-n", "help"], cwd=held, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_market_has_its_folder() -> None:
    from infra.stacks.models import MARKETS

    assert set(MARKETS) == {market.name for market in BETTING_MARKETS}
