"""A small SMTP server on 127.0.0.1 that answers as it is told, and keeps what it heard."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self


@dataclass
class FakeSmtp:
    """Attributes say how it behaves, then what it heard.

    Attributes:
        tls: offers STARTTLS with this; None does not offer it.
        login: the user and password it takes; None does not offer AUTH.
        answers: first word of a command, or the whole of it, -> an answer other than the usual one;
            "." is the end of a message, "" the greeting.
        mute: a command that is never answered.
        commands: every command, with "TLS " before those that came encrypted.
        messages: those taken.
    """

    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    answers: dict[str, str] = field(default_factory=dict)
    mute: str | None = None
    commands: list[str] = field(default_factory=list)
    messages: list[EmailMessage] = field(default_factory=list)

    def __enter__(self) -> Self:
        fake = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                _Conversation(fake, self.request).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.done = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.done.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for open conversations


class _Conversation:
    def __init__(self, fake: FakeSmtp, connection: socket.socket) -> None:
        self.fake = fake
        self.connection = connection
        self.secure = ""
        self.lines = connection.makefile("rb")

    def run(self) -> None:
        try:
            self._say("", "220 fake.test ready")
            while line := self._hear():
                if not self._obey(line):
                    break
        except OSError:  # the other side has gone
            pass
        finally:
            self.lines.close()
            self.connection.close()

    def _obey(self, line: str) -> bool:
        word = line.split(maxsplit=1)[0]
        fake = self.fake
        if fake.mute == word:
            fake.done.wait(10)
            return False
        match word:
            case "EHLO":
                offers = ["250-fake.test"]
                if fake.tls and not self.secure:
                    offers.append("250-STARTTLS")
                if fake.login:
                    offers.append("250-AUTH PLAIN")
                self._say(line, "\r\n".join([*offers, "250 HELP"]))
            case "STARTTLS":
                self._say(line, "220 go on")
                self._encrypt()
            case "AUTH":
                user, password = base64.b64decode(line.split()[2]).decode().split("\0")[1:]
                good = (user, password) == fake.login
                self._say(line, "235 welcome" if good else "535 no such user or password")
            case "DATA":
                if self._say(line, "354 go on").startswith("3"):
                    self._take()
            case "QUIT":
                self._say(line, "221 bye")
                return False
            case _:
                self._say(line, "250 ok")
        return True

    def _encrypt(self) -> None:
        assert self.fake.tls is not None
        self.lines.close()
        self.connection = self.fake.tls.wrap_socket(self.connection, server_side=True)
        self.secure = "TLS "
        self.lines = self.connection.makefile("rb")

    def _take(self) -> None:
        content = b""
        while (line := self.lines.readline()) != b".\r\n":
            content += line.removeprefix(b".")
        if self._say(".", "250 taken").startswith("2"):
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.fake.messages.append(mail)

    def _hear(self) -> str:
        word, *rest = self.lines.readline().decode().rstrip("\r\n").split(" ", maxsplit=1)
        line = " ".join([word.upper(), *rest])
        if line:
            self.fake.commands.append(self.secure + line)
        return line

    def _say(self, command: str, usual: str) -> str:
        answers = self.fake.answers
        answer = answers.get(command, answers.get(command.split(" ", maxsplit=1)[0], usual))
        self.connection.sendall(f"{answer}\r\n".encode())
        return answer
