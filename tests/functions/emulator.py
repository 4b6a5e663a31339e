"""Built functions under the real runtime client and the real emulator, on Lambda's Python.

Nothing of the source tree is on the path of such a function: it has its own code, the layers that
`layers/build.py` made, and what Lambda itself brings along.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from functions.locked import locked

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "layers"
RAN = ROOT / "build" / "functions-ran"  # for continuous integration, which insists on it
ABSENT = "no Python 3.13 was found on PATH or among pyenv's: the built functions were not run"

LAYERS = {
    "fetch_feeds": ("runtime", "domain"),
    "ingest_raw": ("runtime", "domain"),
    "select_top3": ("runtime", "inference", "domain"),
    "settle_picks": ("runtime", "domain"),
    "send_alerts": ("runtime", "domain"),
    "api": ("runtime", "inference", "api", "domain"),
    "migrate_db": ("runtime", "inference", "domain"),
    "sign_transfer": ("signing",),
    "broadcast_transfer": ("runtime", "chain", "domain"),
}
"""The layers of each function, as its stack has it."""
NOWHERE = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "POWERTOOLS_TRACE_DISABLED": "1",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
    "BETTING_AI_DATABASE_MIGRATES": "false",
    "BETTING_AI_HOME": "/tmp/betting-ai",  # noqa: S108 - as in Lambda
    "BETTING_AI_OBJECTS_BUCKET": "objects",
    "BETTING_AI_NOTES_TABLE": "notes",
    "BETTING_AI_ONCE_TABLE": "once",
    "BETTING_AI_ALERTS": "sns",
    "BETTING_AI_SNS_TOPIC": "arn:aws:sns:eu-west-1:123456789012:alerts",
    "BETTING_AI_API_AUTHORITIES": "abc123.execute-api.eu-west-1.amazonaws.com",
    "BETTING_AI_WALLET_ADDRESS": "0x52908400098527886E0F7030069857D2E4169EE7",
    "BETTING_AI_WALLET_NETWORK": "testnet",
    "BETTING_AI_RPC_SECRET": "nodes",
    "BETTING_AI_INTENTS_TABLE": "intents",
    "BETTING_AI_APPROVALS_TABLE": "approvals",
    "BETTING_AI_QUOTES_TABLE": "quotes",
    "BETTING_AI_SIGNED_TABLE": "signed",
    "BETTING_AI_TRANSFERS_TABLE": "transfers",
}
"""An environment in which nothing that a function asks is there."""
NO_DATABASE = ("fetch_feeds", "broadcast_transfer", "sign_transfer")
"""Functions that are told of none."""


def nowhere(function: str) -> dict[str, str]:
    """`NOWHERE` as far as a function is told of it."""
    left_out = {"DATABASE_URL"} if function in NO_DATABASE else set()
    return {name: value for name, value in NOWHERE.items() if name not in left_out}


@cache
def python() -> str | None:
    """A Python of Lambda's version, where there is one."""
    found = importlib.util.spec_from_file_location("layers_build", ROOT / "layers" / "build.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    executable: str | None = module.lambda_python()
    return executable


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the layers, built."""
    if python() is None:
        pytest.skip(ABSENT)
    with locked("layers"):
        subprocess.run([sys.executable, ROOT / "layers" / "build.py"], check=True, cwd=ROOT)
    return BUILT


def layers_of(function: str, at: Path) -> list[Path]:
    return [at / name for name in LAYERS[function]]


def laid_over(layers: Collection[Path], at: Path) -> list[Path]:
    """Where modules of layers are found; a package that is in several lies as one in a folder.

    Lambda lays all layers over each other.

    Args:
        layers: folders as layers are laid out.
        at: the folder for what is in several.
    """
    found = [layer / "python" for layer in layers]
    for package in ("betting_ai", "betting_signer"):
        parts = [one / package for one in found if (one / package).is_dir()]
        if len(parts) > 1:
            for part in parts:
                shutil.copytree(part, at / package, dirs_exist_ok=True)
    return [at, *found] if at.is_dir() else found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class FunctionError(Exception):
    """What a function raised."""


@dataclass
class Running:
    """One function that is warm, or will be with its first call.

    Attributes:
        url: of the emulator.
        home: where it may write.
        log: what it told so far.
    """

    url: str
    home: Path
    log: list[str] = field(default_factory=list)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=120))

    def __call__(self, event: object) -> Any:
        """What the function answers.

        Raises:
            FunctionError: it raised.
        """
        path = "/2015-03-31/functions/function/invocations"
        answer = self.client.post(self.url + path, json=event)
        told = answer.json() if answer.content else None
        if isinstance(told, dict) and "errorType" in told:
            raise FunctionError(f"{told['errorType']}: {told.get('errorMessage')}")
        return told

    @property
    def init_ms(self) -> float:
        """How long imports and module code took, as the emulator tells."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for line in self.log:
                if found := re.search(r"INIT REPORT\(durationMs: ([0-9.]+)", line):
                    return float(found[1])
            time.sleep(0.05)
        raise AssertionError("".join(self.log[-20:]))

    def lines(self) -> list[dict[str, Any]]:
        """The lines of JSON that the function wrote."""
        return [json.loads(line) for line in self.log if line.startswith("{")]


@contextmanager
def running(
    task: Path,
    layers: Collection[Path],
    tool: Path,
    environment: Mapping[str, str],
    *,
    handler: str = "handler.handler",
    timeout: int = 60,
    name: str = "function",
    first: Collection[Path] = (),
) -> Iterator[Running]:
    """A function while the block runs.

    Args:
        task: its code.
        layers: folders as layers are laid out.
        tool: of the emulator and the client.
        environment: its variables.
        handler: module and function.
        timeout: seconds.
        name: of the function.
        first: folders that Python looks into before all others.
    """
    executable = python()
    assert executable is not None
    port, api = free_port(), free_port()
    with tempfile.TemporaryDirectory() as home:
        path = [*first, task, *laid_over(layers, Path(home) / "opt"), tool / "client"]
        whole = {
            "PATH": "/usr/bin:/bin",
            "HOME": home,
            "TMPDIR": home,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "LAMBDA_TASK_ROOT": str(task),
            "_HANDLER": handler,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
        } | dict(environment)
        process = subprocess.Popen(
            [
                tool / "emulator", "--log-level", "info",
                "--runtime-interface-emulator-address", f"127.0.0.1:{port}",
                "--runtime-api-address", f"127.0.0.1:{api}",
                executable, "-m", "awslambdaric", handler,
            ],
            cwd=task, env=whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        function = Running(f"http://127.0.0.1:{port}", Path(home))
        assert process.stdout is not None
        reader = threading.Thread(target=_read, args=(process.stdout, function.log), daemon=True)
        reader.start()
        try:
            _wait(port, process, function.log)
            RAN.touch()
            yield function
        finally:
            function.client.close()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            reader.join()
            process.stdout.close()


def _read(stream: IO[str], log: list[str]) -> None:
    for line in stream:
        log.append(line)  # noqa: PERF402 - as they come, for who reads meanwhile


def _wait(port: int, process: subprocess.Popen[str], log: list[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "".join(log)
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("".join(log))
