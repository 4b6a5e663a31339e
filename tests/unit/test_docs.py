"""What the documents promise is there: commands, options, files."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from betting_ai.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
COMMANDS = [
    line.split("#")[0].strip()
    for line in (ROOT / "README.md").read_text().splitlines()
    if line.startswith("    betting-ai ")
]
WALLET = (ROOT / "docs" / "wallet.md").read_text()
COMMANDS += [
    f"betting-ai {one}" for one in re.findall(r"^\| `(wallet [^`]+)`", WALLET, re.MULTILINE)
]
IN_AWS = [ROOT / "docs" / "wallet-aws.md", *ROOT.glob("docs/runbooks/*.md")]
COMMANDS += sorted(
    {
        f"betting-ai {one.strip()}"
        for document in IN_AWS
        for one in re.findall(
            r"(?:betting-ai (?:--env \S+ )?|[|,] `)(wallet \w[^`\"$)\n]*)", document.read_text()
        )
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_readme_and_of_the_wallet_exists(line: str) -> None:
    _, *words = shlex.split(line)
    command = itertools.takewhile(lambda word: not word.startswith("--"), words)
    told = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert told.exit_code == 0, told.output
    for option in (word for word in words if word.startswith("--")):
        assert option in told.output


@pytest.mark.parametrize("target", ["top3", "test"])
def test_the_two_commands_of_the_readme_are_targets(target: str) -> None:
    assert f"make {target}" in (ROOT / "README.md").read_text()
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_settings_of_the_readme_exist() -> None:
    from betting_ai.settings import Settings

    named = re.findall(r"`BETTING_AI_([A-Z_]+)`", (ROOT / "README.md").read_text())
    assert named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_the_wallets_settings_are_those_that_are_told() -> None:
    from betting_ai.settings import Settings
    from betting_signer import server

    told = WALLET.split("\n## Settings")[1]
    named = {name.lower() for name in re.findall(r"^\| `BETTING_AI_([A-Z_]+)`", told, re.MULTILINE)}
    here = ("wallet_", "rpc_urls", "requester")
    # Managed secrets are the stack's to name.
    ours = {f for f in Settings.model_fields if f.startswith(here)} - {"requesters_secret"}
    assert named == ours
    of_signer = set(re.findall(r"^\| `(SIGNER_[A-Z_]+)`", told, re.MULTILINE))
    assert of_signer == set(
        re.findall(r"^``(SIGNER_[A-Z_]+)``", server.__doc__ or "", re.MULTILINE)
    )


def test_the_wallets_roles_are_those_of_its_schema() -> None:
    from betting_signer.postgres import SCHEMA

    told = set(re.findall(r"^\| `(betting_[a-z]+)` \|", WALLET, re.MULTILINE))
    made = SCHEMA.read_text().split("ARRAY[")[1].split("]")[0]
    assert told == set(re.findall(r"'(betting_[a-z]+)'", made))


def test_the_figures_of_the_readme_are_those_of_the_newest_model() -> None:
    readme = (ROOT / "README.md").read_text()
    newest = sorted((ROOT / "model_artifacts" / "match_result").iterdir())[-1]
    metrics = json.loads((newest / "manifest.json").read_text())["metrics"]
    rows = re.findall(
        r"^\| ([^|]+) \| (\S+) \((\S+)\) \| (\S+) \((\S+)\) \|$", readme, re.MULTILINE
    )
    told = {name: tuple(map(float, figures)) for name, *figures in rows}
    for title, name in TITLES.items():
        close, result = (
            metrics[name][f"{what}_difference"] for what in ("cross_entropy", "log_loss")
        )
        figures = (close["mean"], close["se"], result["mean"], result["se"])
        assert told[title] == tuple(pytest.approx(1e5 * x, abs=0.051) for x in figures)


TITLES = {
    "XGBoost": "xgboost",
    "random forest": "random_forest",
    "deep RL": "deep_rl",
    "Bayesian": "bayesian",
    "pool of the four, 35/25/25/15": "pool",
    "the same without RL": "pool_without_rl",
}
