"""``alerts`` and ``top3-bets --alert`` as installed, up to a mail server on 127.0.0.1."""

from __future__ import annotations

import json
import mailbox
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import forked
from betting_ai.settings import load_settings
from fakes.smtp import FakeSmtp

PASSWORD = "correct horse battery"  # noqa: S105


@dataclass(frozen=True)
class Command:
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return forked.betting_ai(*words, env=self.environment | changes)


@pytest.fixture
def betting_ai(home: Path, database_url: str) -> Command:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BETTING_AI_")}
    return Command(
        kept
        | {
            "BETTING_AI_HOME": str(home),
            "BETTING_AI_SITE_URL": "http://127.0.0.1:9",
            "BETTING_AI_MODELS": str(load_settings().models),
            "DATABASE_URL": database_url,
            "COLUMNS": "80",
            "TZ": "UTC",
        }
    )


def mail_settings(server: FakeSmtp, **more: str) -> dict[str, str]:
    return {
        "BETTING_AI_ALERTS": "smtp",
        "BETTING_AI_SMTP_HOST": "127.0.0.1",
        "BETTING_AI_SMTP_PORT": str(server.port),
        "BETTING_AI_SMTP_FROM": "bets@example.org",
        "BETTING_AI_SMTP_TO": "ann@example.org, bob@example.org",
    } | more


def test_a_slate_is_shown_and_sent_once(betting_ai: Command, home: Path) -> None:
    def run(*words: str) -> tuple[dict[str, object], str]:
        done = betting_ai("top3-bets", "--alert", "--json", BETTING_AI_ALERTS="file")
        assert done.returncode == 0
        return json.loads(done.stdout), json.loads(done.stderr.splitlines()[-1])["note"]["message"]

    slate, note = run()
    assert note.startswith(f"alert sent: {home / 'alerts.mbox'}, [not live] Betting AI, Sun 8 Oct")
    again, note = run()
    assert note.startswith("this slate was sent before, and not again")
    assert again == slate
    box = mailbox.mbox(home / "alerts.mbox")
    (mail,) = list(box)
    box.close()
    assert "Not live: a replay of the past, a sample" in mail.get_payload()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "no alerts are set up; set BETTING_AI_ALERTS to console, file, smtp or sns"),
        ({"BETTING_AI_ALERTS": "smtp"}, "BETTING_AI_SMTP_HOST, BETTING_AI_SMTP_FROM and"),
        ({"BETTING_AI_ALERTS": "pigeon"}, "setting alerts: input should be 'none', 'console'"),
        ({"BETTING_AI_SMTP_TO": "a@b.c\nBcc: d@e.f"}, "must be an e-mail address"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_the_work(
    changes: dict[str, str], told: str, betting_ai: Command
) -> None:
    for words in (("top3-bets", "--alert"), ("alerts", "test")):
        done = betting_ai(*words, **changes)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert told in line


def test_a_test_message_arrives_by_e_mail_with_the_password_in_no_output(
    betting_ai: Command,
) -> None:
    with FakeSmtp(login=("ann", PASSWORD)) as server:
        settings = mail_settings(
            server, BETTING_AI_SMTP_USER="ann", BETTING_AI_SMTP_PASSWORD=PASSWORD
        )
        done = betting_ai("alerts", "test", "--json", **settings)
        wrong = betting_ai("alerts", "test", **settings | {"BETTING_AI_SMTP_USER": "eve"})
        half = betting_ai("alerts", "test", **settings | {"BETTING_AI_SMTP_USER": "é"})
        report = betting_ai("doctor", "--json", **settings)
        table = betting_ai("doctor", **settings)
    to = f"ann@example.org, bob@example.org through 127.0.0.1:{server.port}"
    subject = "Betting AI: a test of alerts"
    assert json.loads(done.stdout) == {"sent": True, "to": to, "subject": subject}
    assert [mail["Subject"] for mail in server.messages] == [subject]
    assert json.loads(report.stdout)["alerts"] == {"kind": "smtp", "to": to}
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "did not accept the user name and the password (535)" in wrong.stderr
    assert "must be ASCII" in half.stderr
    for output in (done, wrong, half, report, table):
        assert PASSWORD not in output.stdout + output.stderr


def test_a_failed_alert_does_not_hide_the_slate(betting_ai: Command) -> None:
    with FakeSmtp(answers={"DATA": "451 later"}) as server:
        done = betting_ai("top3-bets", "--alert", "--json", **mail_settings(server))
        assert done.returncode == 1
        assert json.loads(done.stdout)["events_considered"] > 0
        error = json.loads(done.stderr.splitlines()[-1])["error"]
        assert error["code"] == "notify_failed"
        assert "451 later; try again later" in error["message"]
        server.answers.clear()
        assert betting_ai("top3-bets", "--alert", **mail_settings(server)).returncode == 0
    assert len(server.messages) == 1


def test_the_console_speaks_beside_the_answer(betting_ai: Command) -> None:
    done = betting_ai("alerts", "test", "--json", BETTING_AI_ALERTS="console")
    assert json.loads(done.stdout)["to"] == "the console"
    assert "Alerts reach you here" in done.stderr


def test_doctor_says_when_alerts_are_half_set_up(betting_ai: Command) -> None:
    done = betting_ai("doctor", "--json", BETTING_AI_ALERTS="smtp")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert (report["ok"], "alerts by e-mail need" in report["problems"][0]) == (False, True)
    assert json.loads(betting_ai("doctor", "--json").stdout)["alerts"]["kind"] == "none"
