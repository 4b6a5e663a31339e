"""Alerts on their way out: a stream, a mailbox file, a real conversation with a mail server."""

from __future__ import annotations

import io
import mailbox
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime
from email import message_from_bytes, policy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from betting_ai.adapters.local.notifiers import (
    ConsoleNotifier,
    FileNotifier,
    SmtpNotifier,
    is_loopback,
)
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.adapters.local.once import NotedOnce
from betting_ai.clock import FixedClock
from betting_ai.errors import NotifyError
from betting_ai.ports.notifier import Message
from fakes.smtp import FakeSmtp

CLOCK = FixedClock(datetime(2025, 4, 5, 7, 1, 2, tzinfo=UTC))
TEXT = "No bet today.\n\nFrom here on: Beşiktaş 2.10\n.hidden\n"
MESSAGE = Message("Betting AI: no bet today", TEXT, "5f" * 32)
FAR = "mail.example.test"
PASSWORD = "correct horse battery"  # noqa: S105


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `FAR` that only a test trusts, its key beside it in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", f"/CN={FAR}", "-addext", f"subjectAltName=DNS:{FAR}",
            "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate / "cert.pem"))


@pytest.fixture(autouse=True)
def far_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """`FAR` looks like a server elsewhere, and is reached on 127.0.0.1."""
    look_up = socket.getaddrinfo

    def here(host: Any, *args: Any, **more: Any) -> Any:
        return look_up("127.0.0.1" if host == FAR else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)


def notifier(server: FakeSmtp, host: str = "127.0.0.1", **changes: Any) -> SmtpNotifier:
    return SmtpNotifier(
        host=host,
        port=server.port,
        sender="bets@example.org",
        recipients=("ann@example.org", "bob@example.org"),
        clock=CLOCK,
        **changes,
    )


def failure(sender: SmtpNotifier) -> str:
    with pytest.raises(NotifyError) as caught:
        sender.send(MESSAGE)
    assert caught.value.code == "notify_failed"
    told = str(caught.value)
    assert len(told.splitlines()) == 1
    assert PASSWORD not in told + repr(sender) + sender.name
    return told


def test_an_e_mail_arrives_as_it_was_written() -> None:
    with FakeSmtp() as server:
        notifier(server).send(MESSAGE)
    (mail,) = server.messages
    assert mail["Subject"] == MESSAGE.subject
    assert mail["From"] == "Betting AI <bets@example.org>"
    assert mail["To"] == "ann@example.org, bob@example.org"
    assert mail["Date"] == "Sat, 05 Apr 2025 07:01:02 +0000"
    assert mail["Message-ID"].split() == [f"<{MESSAGE.dedupe_id}@example.org>"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == TEXT
    heard = [line for line in server.commands if line.startswith(("MAIL", "RCPT"))]
    assert [line.split()[1] for line in heard] == [
        "FROM:<bets@example.org>", "TO:<ann@example.org>", "TO:<bob@example.org>",
    ]  # fmt: skip


def test_the_password_travels_only_encrypted(
    server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    with FakeSmtp(tls=server_tls, login=("ann", PASSWORD)) as server:
        notifier(server, FAR, user="ann", password=SecretStr(PASSWORD), tls=trust).send(MESSAGE)
    assert len(server.messages) == 1
    start = next(i for i, line in enumerate(server.commands) if line == "STARTTLS")
    assert all(line.startswith("EHLO") for line in server.commands[:start])
    assert all(line.startswith("TLS ") for line in server.commands[start + 1 :])
    assert any(line.startswith("TLS AUTH") for line in server.commands)


def test_a_server_elsewhere_that_does_not_encrypt_is_told_nothing() -> None:
    with FakeSmtp(login=("ann", PASSWORD)) as server:
        told = failure(notifier(server, FAR, user="ann", password=SecretStr(PASSWORD)))
    assert "does not offer STARTTLS" in told
    assert all(line.startswith("EHLO") for line in server.commands)


def test_a_server_whose_certificate_is_not_trusted_is_told_nothing(
    server_tls: ssl.SSLContext,
) -> None:
    with FakeSmtp(tls=server_tls) as server:
        told = failure(notifier(server, FAR))
    assert "certificate cannot be trusted" in told
    assert not any(line.startswith(("MAIL", "TLS")) for line in server.commands)


def test_a_certificate_of_another_name_is_refused(
    server_tls: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    with FakeSmtp(tls=server_tls) as server:
        other = notifier(server, "0.0.0.0", tls=trust)  # noqa: S104 - reaches 127.0.0.1
        assert "certificate cannot be trusted" in failure(other)


def test_a_wrong_password_is_not_repeated_in_the_error() -> None:
    with FakeSmtp(login=("ann", "another")) as server:
        told = failure(notifier(server, user="ann", password=SecretStr(PASSWORD)))
    assert told.endswith("it did not accept the user name and the password (535)")
    assert server.messages == []


def test_a_password_that_no_server_can_be_told_is_not_repeated_either() -> None:
    with FakeSmtp(login=("ann", "another")) as server:
        told = failure(notifier(server, user="ann", password=SecretStr("pässword")))
    assert told.endswith("the user name and the password must be ASCII")


def test_a_server_without_logins_is_said_to_be_one() -> None:
    with FakeSmtp() as server:
        told = failure(notifier(server, user="ann", password=SecretStr(PASSWORD)))
    assert "AUTH extension not supported" in told


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"": "554 not today"}, "it answered 554 not today"),
        ({"MAIL": "452 mailbox\tfull"}, "it answered 452 mailbox full; try again later"),
        ({"RCPT": "550 who?"}, "for ann@example.org it answered 550 who?; for bob@example.org it"),
        ({"DATA": "451 wait a little"}, "it answered 451 wait a little; try again later"),
        ({".": "554 looks like spam"}, "it answered 554 looks like spam"),
        ({".": "nonsense"}, "no alert went out"),
    ],
)
def test_a_refusal_is_one_clear_line(answers: dict[str, str], told: str) -> None:
    with FakeSmtp(answers=answers) as server:
        assert told in failure(notifier(server))
    assert server.messages == []


def test_one_refused_recipient_is_named_and_the_other_has_the_message() -> None:
    bob = "RCPT TO:<bob@example.org>"
    with FakeSmtp(answers={bob: "550 moved away"}) as server:
        told = failure(notifier(server))
    assert told == "not everyone got the alert: for bob@example.org it answered 550 moved away"
    assert len(server.messages) == 1


@pytest.mark.parametrize("mute", ["EHLO", "DATA"])
def test_a_silent_server_is_given_up(mute: str) -> None:
    with FakeSmtp(mute=mute) as server:
        assert "timed out" in failure(notifier(server, timeout=0.2))


def test_after_the_message_was_taken_nothing_the_server_does_undoes_it() -> None:
    with FakeSmtp(answers={"QUIT": "500 what?"}) as server:
        notifier(server).send(MESSAGE)
    assert len(server.messages) == 1


def test_no_server_is_one_clear_line() -> None:
    with FakeSmtp() as server:
        pass
    assert failure(notifier(server)).endswith("Connection refused")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True), ("LOCALHOST", True), ("127.0.0.1", True), ("127.9.9.9", True),
        ("::1", True), ("0.0.0.0", False), ("192.168.0.1", False), (FAR, False),  # noqa: S104
        ("localhost.example.test", False), ("127.0.0.1.example.test", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_spoken_to_in_plain_text(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_console_shows_the_whole_message() -> None:
    stream = io.StringIO()
    ConsoleNotifier(stream).send(MESSAGE)
    assert stream.getvalue() == f"Subject: {MESSAGE.subject}\n\n{TEXT}"


def test_a_file_is_a_mailbox_that_mail_programs_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "alerts.mbox"
    file = FileNotifier(path, CLOCK)
    for _ in range(2):
        file.send(MESSAGE)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Beşiktaş" in path.read_text(encoding="utf-8")  # people read it too
    box = mailbox.mbox(path)
    found = [message_from_bytes(m.as_bytes(), policy=policy.default) for m in box]
    box.close()
    assert [m["Subject"] for m in found] == [MESSAGE.subject] * 2
    assert found[0].get_content().replace("\n>From ", "\nFrom ").rstrip() == TEXT.rstrip()


def test_writers_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "alerts.mbox"
    long = Message("Betting AI", "a line of text that is long enough\n" * 200, "0")

    def write() -> None:
        for _ in range(20):
            FileNotifier(path, CLOCK).send(long)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    (record,) = set(path.read_bytes().split(b"\nFrom betting-ai")) - {b""}
    assert record.count(b"a line of text") == 200


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(NotifyError, match=r"^cannot write .*: Is a directory$"):
        FileNotifier(tmp_path, CLOCK).send(MESSAGE)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is there")
def test_a_full_disk_is_one_clear_line() -> None:
    with pytest.raises(NotifyError, match="No space left"):
        FileNotifier(Path("/dev/full"), CLOCK).send(MESSAGE)


def test_what_was_done_stays_done(tmp_path: Path) -> None:
    done: list[str] = []
    for name in ("5f", "5f", "60"):
        NotedOnce(LocalObjectStore(tmp_path), "alert")(name, partial(done.append, name))
    assert done == ["5f", "60"]
