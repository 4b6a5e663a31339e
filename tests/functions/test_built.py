"""The functions as they are deployed, under Lambda's own client and Python."""

from __future__ import annotations

import email
import json
import ssl
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from functions.account import FUNCTIONS, event
from functions.emulator import (
    LAYERS,
    NO_DATABASE,
    ROOT,
    FunctionError,
    built,
    laid_over,
    layers_of,
    nowhere,
    python,
    running,
)

__all__ = ["built"]  # a fixture

MOST_BYTES = 250 * 1024**2  # of a function with its layers, as AWS allows
BUDGET = {
    "runtime": 130, "inference": 75, "api": 8, "chain": 65, "domain": 8, "signing": 40,
}  # MB  # fmt: skip
NEVER = {
    "xgboost", "sklearn", "scipy", "onnx", "torch", "pandas", "matplotlib", "web3", "eth_account",
    "typer", "rich", "uvicorn", "pytest", "betting_ai.training", "betting_ai.backtest",
    "betting_ai.cli", "betting_ai.adapters.local.postgres",
}  # fmt: skip
ORM = {"sqlalchemy.orm"}  # nothing maps classes; Alembic has it for itself
QUEUES = {"betting_ai.queues", "aws_lambda_powertools.utilities.batch"}
OF_NONE_BUT = {
    "migrate_db": QUEUES,
    "ingest_raw": ORM,
    "send_alerts": ORM,
    "broadcast_transfer": ORM,
}
"""What a few functions import, and every other one's start must not pay for."""
DATABASE = {"sqlalchemy", "pg8000", "alembic"}
KEYS = {"eth_account", "eth_keys", "eth_keyfile", "py_ecc"}
"""What can use keys: the signer's alone, but for what web3 brings along once the chain is asked."""


def size(*folders: Path) -> int:
    return sum(f.stat().st_size for one in folders for f in one.rglob("*") if f.is_file())


def test_every_function_is_known_here() -> None:
    folders = {path.parent.name for path in FUNCTIONS.glob("*/handler.py")}
    assert folders == set(LAYERS)


@pytest.mark.parametrize("name", BUDGET)
def test_layers_keep_to_their_size(built: Path, name: str) -> None:
    assert size(built / name) < BUDGET[name] * 1e6


@pytest.mark.parametrize("function", LAYERS)
def test_a_function_with_its_layers_fits(built: Path, function: str) -> None:
    assert size(FUNCTIONS / function, *layers_of(function, built)) < MOST_BYTES


@pytest.mark.parametrize("name", ["runtime", "inference", "api", "chain", "signing"])
def test_a_layer_holds_what_its_lock_says(built: Path, name: str) -> None:
    lines = (ROOT / "layers" / name / "requirements.txt").read_text().splitlines()
    locked = {line.split()[0] for line in lines if line[:1].isalnum()}
    found = set()
    for metadata in (built / name / "python").glob("*.dist-info/METADATA"):
        told = email.message_from_string(metadata.read_text())
        found.add(f"{told['Name'].lower().replace('_', '-')}=={told['Version']}")
    assert found == locked


def test_the_product_is_there_without_what_no_function_runs(built: Path) -> None:
    package = built / "domain" / "python" / "betting_ai"
    assert (package / "adapters" / "aws").is_dir()
    assert (package / "adapters" / "sql" / "migrations" / "versions").is_dir()
    assert (package / "api" / "dashboard" / "static" / "vendor" / "uPlot.iife.min.js").is_file()
    for left_out in ("training", "backtest", "cli", "adapters/chain"):
        assert not (package / left_out).exists()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (package.parent / f"betting_ai-{version}.dist-info" / "METADATA").is_file()


def test_the_certificates_of_databases_are_there(built: Path) -> None:
    context = ssl.create_default_context(cafile=built / "runtime" / "rds-ca.pem")
    subjects = [dict(part[0] for part in c["subject"]) for c in context.get_ca_certs()]
    names = {subject["commonName"] for subject in subjects}
    assert any(name.startswith("Amazon RDS eu-west-1 Root CA RSA2048") for name in names)


Modules = dict[str, str | None]


def started(
    built: Path, function: str, at: Path, code: str, **environment: str
) -> tuple[Modules, Any]:
    """What Lambda's Python has loaded after a function's layers and some code, each its own.

    Args:
        built: the folder of the layers.
        function: the code may import its ``handler``.
        at: an empty folder.
        code: it may leave something for JSON in ``told``.
        environment: in which the function is, instead of nowhere.

    Returns:
        The file of each module, and what the code left.
    """
    executable = python()
    assert executable is not None
    path = [FUNCTIONS / function, *laid_over(layers_of(function, built), at)]
    whole = (
        "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); told = None\n"
        f"{code}\n"
        "files = {n: getattr(m, '__file__', None) for n, m in list(sys.modules.items())}\n"
        "print(json.dumps([files, told]))"
    )
    said = subprocess.run(
        [executable, "-I", "-c", whole, json.dumps(list(map(str, path)))],
        capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin"} | (environment or nowhere(function)),
    )  # fmt: skip
    modules, told = json.loads(said.stdout.splitlines()[-1])
    home = Path(executable).parents[1]
    for name, file in modules.items():
        if file is not None:
            place = Path(file)
            assert any(place.is_relative_to(one) for one in (*path, home)), (name, file)
            assert "site-packages" not in place.parts, (name, file)
    return modules, told


@pytest.mark.parametrize("function", LAYERS)
def test_what_a_function_imports_is_its_own(built: Path, tmp_path: Path, function: str) -> None:
    """Every module comes from its code, its layers or Python itself, and none is too much."""
    modules, _ = started(built, function, tmp_path, "import handler")
    never = NEVER | {"betting_ai", "boto3", "py_ecc"} if function == "sign_transfer" else NEVER
    assert not {name for name in modules if name in never or name.split(".")[0] in never}
    assert "onnxruntime" not in modules  # loaded with the first model
    assert not OF_NONE_BUT.get(function, ORM | QUEUES) & set(modules)
    roots = {name.split(".")[0] for name in modules}
    assert bool(DATABASE & roots) is (function not in NO_DATABASE)
    assert bool(KEYS & roots) is (function == "sign_transfer")


def test_a_start_builds_no_schema_of_openapi(built: Path, tmp_path: Path) -> None:
    """Neither FastAPI's own nor those of answers: only the specification asks for them."""
    code = (
        "import handler; from fastapi.openapi.models import OpenAPI;"
        "from betting_ai.api import schemas as s; from betting_ai.settings import Settings;"
        "of = (OpenAPI, s.SlateTold, s.Problem, Settings);"
        "told = [m.__pydantic_complete__ for m in of]"
    )
    _, told = started(built, "api", tmp_path, code)
    assert told == [False, False, False, True]


def test_the_chain_is_reached_with_what_its_layers_bring(built: Path, tmp_path: Path) -> None:
    """Lambda lays layers over each other: the adapter comes into the package of another layer."""
    code = "import betting_ai.adapters.chain.nodes, betting_ai.usecases.follow_transfers"
    modules, _ = started(built, "broadcast_transfer", tmp_path, code)
    assert (tmp_path / "betting_ai" / "adapters" / "chain").is_dir()
    assert "web3" in modules
    assert not {n for n in modules if n.split(".")[0] in {"sqlalchemy", "xgboost", "onnxruntime"}}


def cold(built: Path, function: str, name: str, **environment: str) -> tuple[Any, list[Any]]:
    """What a cold function answers to a sample event, and its log."""
    with running(
        FUNCTIONS / function, layers_of(function, built), built / "tool",
        nowhere(function) | environment, name=function,
    ) as one:  # fmt: skip
        return one(event(function, name)), one.lines()


def test_the_api_answers_the_gateway(built: Path) -> None:
    with running(
        FUNCTIONS / "api", layers_of("api", built), built / "tool", nowhere("api"), name="api"
    ) as api:
        told = {name: api(event("api", name)) for name in ("health", "unknown_host", "top3")}
    assert {name: answer["statusCode"] for name, answer in told.items()} == {
        "health": 200, "unknown_host": 421, "top3": 503,
    }  # fmt: skip
    problem = json.loads(told["top3"]["body"])
    assert (problem["code"], told["top3"]["headers"]["retry-after"]) == (
        "database_unavailable", "5",
    )  # fmt: skip
    counted = [line for line in api.lines() if "_aws" in line]
    assert [line["status"] for line in counted] == [200, 421, 503]


def test_a_queue_keeps_what_cannot_be_done_now(built: Path) -> None:
    for function, name in (("ingest_raw", "notices"), ("send_alerts", "slate")):
        answer, log = cold(built, function, name)
        sample = {one["messageId"] for one in event(function, name)["Records"]}
        assert {one["itemIdentifier"] for one in answer["batchItemFailures"]} == sample
        codes = {line["code"] for line in log if line.get("message") == "a message failed"}
        assert codes == {"storage_unavailable"}


@pytest.mark.parametrize("name", ["intent", "approval", "signed"])
def test_a_stream_keeps_what_cannot_be_done_now(built: Path, name: str) -> None:
    answer, log = cold(built, "broadcast_transfer", name)
    [row] = event("broadcast_transfer", name)["Records"]
    number = row["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}
    [told] = [line for line in log if line.get("message") == "a row failed"]
    assert told["code"] == "secret_unusable"


def test_the_sender_does_nothing_for_what_was_refused(built: Path) -> None:
    answer, log = cold(built, "broadcast_transfer", "refused")
    assert answer == {"batchItemFailures": []}
    assert [line for line in log if line.get("level") in {"WARNING", "ERROR"}] == []


def test_the_signer_does_nothing_for_quotes_that_run_out(built: Path) -> None:
    answer, log = cold(built, "sign_transfer", "run_out")
    assert (answer, log) == ({"batchItemFailures": []}, [])


@pytest.mark.parametrize(
    ("function", "name", "why"),
    [
        ("fetch_feeds", "prices", "StorageUnavailableError"),
        ("select_top3", "morning", "DatabaseUnavailableError"),
        ("settle_picks", "evening", "DatabaseUnavailableError"),
        ("migrate_db", "upgrade", "DatabaseUnavailableError"),
        ("broadcast_transfer", "minute", "SecretError"),
    ],
)
def test_who_cannot_work_says_so_to_whoever_tries_again(
    built: Path, function: str, name: str, why: str
) -> None:
    with pytest.raises(FunctionError, match=why):
        cold(built, function, name)


def test_an_operator_is_answered_whatever_fails(built: Path) -> None:
    answer, log = cold(built, "migrate_db", "keys_list")
    assert (answer["exit_code"], answer["error"]["code"]) == (1, "database_unavailable")
    [told] = [line for line in log if line.get("message") == "asked"]
    assert (told["command"], told["code"]) == ("keys list", "database_unavailable")
