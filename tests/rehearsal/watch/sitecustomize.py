"""Remembers where a function connects to; read by Python before anything of the function is.

Where a file tells the time, it is what the machine's clock shows.
"""

import os
import sys
from datetime import datetime
from pathlib import Path

_log = os.open(os.environ["CONNECTIONS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _seen(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        os.write(_log, f"{arguments[1]!r}\n".encode())


sys.addaudithook(_seen)

if "CLOCK" in os.environ:
    from betting_ai.clock import SystemClock

    def _now(_: SystemClock) -> datetime:
        return datetime.fromisoformat(Path(os.environ["CLOCK"]).read_text())

    SystemClock.now = _now  # type: ignore[method-assign]
