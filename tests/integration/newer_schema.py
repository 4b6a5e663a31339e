"""A plugin for the tests of an earlier version: its databases have the schema of this one.

So it is between the moment at which a deployment upgrades the database and the one at which it
replaces the functions that use it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import betting_ai
from integration import conftest

assert Path(str(betting_ai.__file__)).is_relative_to(Path.cwd())  # the earlier one

PREPARE = """
import sys
from betting_ai.adapters.sql.database import prepare
from betting_ai.adapters.sql.engine import connect
prepare(connect(sys.argv[1]))
"""
_connect = conftest.connect
_urls: dict[int, str] = {}


def _connected(url: str, **options: Any) -> Any:
    engine = _connect(url, **options)
    _urls[id(engine)] = url
    return engine


def _prepared(engine: Any) -> None:
    """This version's upgrade, in a process that knows this version alone."""
    environment = os.environ | {"PYTHONPATH": os.environ["NEWER_PACKAGE"]}
    command = [sys.executable, "-c", PREPARE, _urls[id(engine)]]
    subprocess.run(command, check=True, env=environment)


conftest.connect = _connected  # type: ignore[assignment]
conftest.prepare = _prepared  # type: ignore[assignment]
