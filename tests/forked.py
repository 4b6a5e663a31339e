"""The command line in processes of their own that are there within milliseconds.

They are forked from one that has imported everything and done nothing yet. What a process costs
from nothing is tried where it counts: with servers, and with commands that are killed.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path


def betting_ai(*words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What ``betting-ai`` does with some words in an environment of its own."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        told = {"words": words, "environment": dict(env), "cwd": str(Path.cwd()), "folder": folder}
        server.stdin.write(json.dumps(told) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = ((Path(folder) / name).read_text() for name in ("out", "err"))
    return subprocess.CompletedProcess(["betting-ai", *words], code, out, err)


@cache
def _server() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def end() -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()  # it ends with its input
        process.wait()
        process.stdout.close()

    atexit.register(end)
    return process


def _serve() -> None:
    import onnxruntime  # noqa: F401 - so that no command has to
    import rich.console
    import rich.progress
    import rich.table  # noqa: F401

    import betting_ai.backtest.evaluate
    import betting_ai.bootstrap
    import betting_ai.cli.cards
    import betting_ai.cli.day
    import betting_ai.cli.main  # noqa: F401

    for line in sys.stdin:
        told = json.loads(line)
        worker = os.fork()
        if not worker:
            _work(told)
        _, status = os.waitpid(worker, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _work(told: dict[str, object]) -> None:
    """What an interpreter does between its start and the first line of the command, and its end."""
    code: object = 1
    try:
        os.environ.clear()
        os.environ.update(told["environment"])  # type: ignore[arg-type]
        time.tzset()
        os.chdir(str(told["cwd"]))
        for number, name in ((0, None), (1, "out"), (2, "err")):
            path = os.devnull if name is None else f"{told['folder']}/{name}"
            kind = os.O_RDONLY if name is None else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, kind, 0o600), number)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.argv = ["betting-ai", *told["words"]]  # type: ignore[misc]
        from betting_ai.cli.main import main

        try:
            code = main()
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        atexit._run_exitfuncs()
        sys.stdout.flush()
    finally:
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _serve()
