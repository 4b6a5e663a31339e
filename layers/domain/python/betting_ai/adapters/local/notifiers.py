"""Alerts on the terminal, in a file, by e-mail."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import os
import smtplib
import ssl
from dataclasses import dataclass, field
from email import policy
from email.generator import BytesGenerator
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Final, Literal, TextIO

from pydantic import SecretStr

from betting_ai.clock import Clock
from betting_ai.errors import NotifyError
from betting_ai.ports.notifier import Message

TLS_PORT: Final = 465
"""Where TLS begins with the connection (RFC 8314) instead of by STARTTLS."""

_SENDER: Final = "Betting AI"
_LOCAL_ADDRESS: Final = "betting-ai@localhost"
_LONGEST_ANSWER: Final = 200  # characters of a server's own words


@dataclass(frozen=True)
class ConsoleNotifier:
    """Writes messages to a stream, such as stderr, where they never mix with an answer."""

    stream: TextIO

    @property
    def name(self) -> str:
        """Where messages go."""
        return "the console"

    def send(self, message: Message) -> None:
        """Write the message."""
        self.stream.write(f"Subject: {message.subject}\n\n{message.text}")
        self.stream.flush()


@dataclass(frozen=True)
class FileNotifier:
    """Appends to a mailbox file (mbox), which mail programs and `less` can read.

    Attributes:
        path: the file; made when first written to, readable by its owner only.
        clock: dates the messages.
    """

    path: Path
    clock: Clock

    @property
    def name(self) -> str:
        """Where messages go."""
        return str(self.path)

    def send(self, message: Message) -> None:
        """Append the whole message in one write, so that two writers never mix.

        Raises:
            NotifyError: the file cannot be written, or not in full.
        """
        mail = _mail(message, _LOCAL_ADDRESS, (_LOCAL_ADDRESS,), self.clock, "8bit")
        mail.set_unixfrom(f"From {_LOCAL_ADDRESS} {self.clock.now():%a %b %d %H:%M:%S %Y}")
        record = io.BytesIO()
        BytesGenerator(record, mangle_from_=True, policy=policy.default).flatten(
            mail, unixfrom=True
        )
        # The blank line that parts two messages also ends one that a full disk cut short.
        content = b"\n" + record.getvalue()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                written = os.write(file, content)
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise NotifyError(f"cannot write {self.path}: {error.strerror or error}") from None
        if written != len(content):
            raise NotifyError(f"{self.path} took only part of a message: is the disk full?")


@dataclass(frozen=True)
class SmtpNotifier:
    """Sends e-mail through a server that takes it on (a relay, a provider's submission port).

    The connection is encrypted and the server's certificate verified before a user name, a
    password or a message is sent; only to this very machine it is plain.

    Attributes:
        host: name of the server.
        port: 587 as a rule; on 465 TLS begins with the connection, elsewhere by STARTTLS.
        sender: ASCII address.
        recipients: ASCII addresses.
        clock: dates the messages.
        user: to log in with; None to send without.
        password: goes with ``user``.
        timeout: seconds that each answer may take.
        tls: which certificates are trusted.
    """

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    clock: Clock
    user: str | None = None
    password: SecretStr | None = None
    timeout: float = 20.0
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    @property
    def name(self) -> str:
        """Where messages go."""
        return f"{', '.join(self.recipients)} through {self.host}:{self.port}"

    def send(self, message: Message) -> None:
        """Hand the message to the server for every recipient.

        Raises:
            NotifyError: it did not take it, or not for every recipient.
        """
        mail = _mail(message, self.sender, self.recipients, self.clock, None)
        content = mail.as_bytes(policy=policy.SMTP)
        try:
            with contextlib.closing(self._connect()) as server:
                if self.user is not None and self.password is not None:
                    server.login(self.user, self.password.get_secret_value())
                refused = server.sendmail(self.sender, self.recipients, content)
                with contextlib.suppress(OSError):
                    server.quit()  # the message is theirs already, whatever they say to this
        except (OSError, UnicodeError) as error:  # what smtplib raises is an OSError too
            raise NotifyError(
                f"no alert went out through {self.host}:{self.port}: {_trouble(error)}"
            ) from None
        if refused:
            raise NotifyError(f"not everyone got the alert: {_refusals(refused)}")

    def _connect(self) -> smtplib.SMTP:
        if self.port == TLS_PORT:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=self.tls)
        server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        if not is_loopback(self.host):
            try:
                server.starttls(context=self.tls)
            except smtplib.SMTPNotSupportedError:
                server.close()
                raise NotifyError(
                    f"{self.host}:{self.port} does not offer STARTTLS, so nothing was sent; use a "
                    f"port that encrypts, such as 587 or {TLS_PORT}"
                ) from None
            except OSError:
                server.close()
                raise
        return server


def is_loopback(host: str) -> bool:
    """Whether what is sent there never leaves this machine; names are not looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _mail(
    message: Message,
    sender: str,
    recipients: tuple[str, ...],
    clock: Clock,
    encoding: Literal["8bit"] | None,
) -> EmailMessage:
    """As mail; a repeat has the same id, by which many mail programs show it once."""
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = Address(_SENDER, addr_spec=sender)
    mail["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{message.dedupe_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no holiday notes in return
    mail.set_content(message.text, cte=encoding)
    return mail


def _trouble(error: Exception) -> str:
    """What went wrong, in one line; never what was sent, so never the password."""
    match error:
        case smtplib.SMTPAuthenticationError():
            told = f"it did not accept the user name and the password ({error.smtp_code})"
        case smtplib.SMTPRecipientsRefused():
            told = _refusals(error.recipients)
        case smtplib.SMTPResponseException():
            told = _answer(error.smtp_code, error.smtp_error)
        case ssl.SSLCertVerificationError():
            told = f"its certificate cannot be trusted ({_line(error.verify_message)})"
        case UnicodeError():
            told = "the user name and the password must be ASCII"
        case OSError(strerror=str(reason)):
            told = _line(reason)
        case _:
            told = _line(error)
    return told


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"for {who} {_answer(*answer)}" for who, answer in refused.items())


def _answer(code: int, told: bytes | str) -> str:
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    again = "; try again later" if 400 <= code < 500 else ""
    return f"it answered {code} {_line(text)}{again}"


def _line(text: object) -> str:
    """A server's words as one printable line of bounded length."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    return " ".join(printable.split())[:_LONGEST_ANSWER]
