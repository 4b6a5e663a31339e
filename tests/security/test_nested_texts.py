"""A text that is nested without end is refused, whatever libraries are loaded beside."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "loads",
    [
        "import betting_ai.adapters.chain.nodes",
        "from betting_signer.custody import new_key; new_key()",
    ],
)
def test_a_nested_text_is_an_error_and_no_fault(loads: str) -> None:
    """Libraries of chains raise the limit of recursion, beyond what the stack of C bears."""
    script = (
        f"{loads}\n"
        "from betting_signer.contract import MalformedError, document\n"
        "try:\n"
        "    document('[' * 100_000, None)\n"
        "except MalformedError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
