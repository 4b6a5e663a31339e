"""A terminal as a person has it: lines are typed into a shell, and what it shows is read."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PROMPT = r"\[(\d+)\]\$ $"
_MORE = r"\[more\]\$ $"
_HIDDEN = r"(?:[Pp]assword[a-z0-9, ]*|Repeat for confirmation): $"
_SHOWN = {"PS1": "[$?]$ ", "PS2": "[more]$ ", "TERM": "dumb", "COLUMNS": "80"}
_ADDRESS_END = r"of the payee's address: $"


@dataclass
class Terminal:
    """One shell.

    Attributes:
        screen: everything that it has shown.
    """

    _tty: int
    _shell: subprocess.Popen[bytes]
    screen: str = ""
    _read: int = 0

    def type(self, text: str) -> None:
        """Type a line, and do not wait."""
        os.write(self._tty, text.encode() + b"\n")

    def run(self, line: str, *answers: tuple[str, str], code: int = 0) -> str:
        """Type a line and wait for its end; says what it showed.

        Args:
            line: what is typed.
            answers: (what is asked, what is typed then), in order.
            code: what it ends with.
        """
        self.type(line)
        for question, answer in answers:
            self.see(question)
            self.type(answer)
        start = self._read
        ended = self.see(_PROMPT)
        shown = self.screen[start : self._read]
        assert int(ended[1]) == code, self.screen
        return shown

    def settle(self, password: str, until: str = f"{_PROMPT}|{_MORE}") -> None:
        """Wait for an end without a failure; what is asked meanwhile is answered by hand."""
        while until:
            found = self.see(f"(?:{until})|(?P<password>{_HIDDEN})|(?P<end>{_ADDRESS_END})")
            if found["password"]:
                self.type(password)
            elif found["end"]:
                payee = re.findall(r"\bto +(0x[0-9a-fA-F]{40})\b", self.screen)[-1]
                self.type(payee[-6:])
            else:
                assert found[1] in {None, "0"}, self.screen
                return

    def see(self, pattern: str, seconds: float = 90) -> re.Match[str]:
        """Wait until something new is shown."""
        deadline = time.monotonic() + seconds
        while (found := re.compile(pattern).search(self.screen, self._read)) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} is not in {self.screen!r}"
            if select.select([self._tty], [], [], min(left, 1))[0]:
                shown = os.read(self._tty, 65536).decode(errors="replace")
                self.screen += shown.replace("\r\n", "\n")
        self._read = found.end()
        return found

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._tty, b"\x03")


@contextmanager
def terminal(folder: Path, variables: Mapping[str, str]) -> Iterator[Terminal]:
    """A shell in a folder with these variables and no other."""
    ours, theirs = pty.openpty()
    # Whoever leads a session and opens a terminal is at that terminal: there are passwords typed.
    open_there = 'exec bash --norc --noprofile --noediting -i <"$0" >"$0" 2>&1'
    shell = subprocess.Popen(
        ["sh", "-c", open_there, os.ttyname(theirs)],
        cwd=folder, env={**variables, **_SHOWN}, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    one = Terminal(ours, shell)
    try:
        one.see(_PROMPT)
        yield one
    finally:
        with suppress(AssertionError, subprocess.TimeoutExpired):
            one.interrupt()
            one.see(_PROMPT, seconds=20)
            one.type("exit")
            shell.wait(10)
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        os.close(ours)
        os.close(theirs)
