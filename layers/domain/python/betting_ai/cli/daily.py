"""The daily work beside a server: select, then settle, again and again."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

COMMANDS: Final = (("top3-bets", "--json"), ("settle", "--json"))
"""As a person would type them."""

_NOTHING_TO_DO: Final = 3
_PATIENCE: Final = 10.0

_log: Final = logging.getLogger("betting_ai.daily")


class Daily:
    """Does the daily work at once, and then every so many seconds, while the block runs.

    Each command is a process of its own with this one's environment, one at a time. What fails is
    logged, and tried again the next time.
    """

    def __init__(self, seconds: float, commands: Sequence[Sequence[str]] = COMMANDS) -> None:
        """Name the work; nothing runs yet.

        Args:
            seconds: from the end of one round to the begin of the next.
            commands: words after ``betting-ai``.
        """
        self._seconds = seconds
        self._commands = commands
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._running: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, name="daily work", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._stopped.set()
            running = self._running
        if running is not None:
            running.terminate()
        self._thread.join(_PATIENCE)
        if running is not None and running.poll() is None:
            running.kill()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.is_set():
            for words in self._commands:
                try:
                    self._run(words)
                except OSError as error:  # no process, no memory
                    _log.exception("the daily work could not begin", extra={"error": str(error)})
            self._stopped.wait(self._seconds)

    def _run(self, words: Sequence[str]) -> None:
        began = time.monotonic()
        with self._lock:
            if self._stopped.is_set():
                return
            self._running = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "betting_ai", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for the server, which ends this one itself
            )
        with self._running as process:
            _, said = process.communicate()
        if self._stopped.is_set():
            return
        told = {
            "command": " ".join(words),
            "exit_code": process.returncode,
            "seconds": round(time.monotonic() - began, 1),
            "said": (said.strip().splitlines() or [""])[-1],
        }
        if process.returncode in {0, _NOTHING_TO_DO}:
            _log.info("daily work done", extra=told)
        else:
            _log.error("daily work failed; it is tried again the next time", extra=told)
