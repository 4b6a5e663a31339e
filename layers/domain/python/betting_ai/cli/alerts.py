"""``alerts``: try the way in which people are told of a slate, and use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from betting_ai.cli.context import Json, Voice, current_settings

if TYPE_CHECKING:
    from betting_ai.domain.slate import Slate
    from betting_ai.settings import Settings

app = typer.Typer(help="How people are told of a slate.", no_args_is_help=True)


@app.command(name="test")
def send_test(as_json: Json = False) -> None:
    """Send a message that says only that it arrived."""
    from betting_ai.bootstrap import build
    from betting_ai.ports.notifier import Message

    with build(current_settings()) as opened:
        notifier = opened.notifier
        now = opened.clock.now()
        message = Message(
            subject="Betting AI: a test of alerts",
            text=f"Alerts reach you here. Sent {now:%Y-%m-%d %H:%M:%S} UTC; nothing is to be bet "
            "on.\n",
            dedupe_id=f"test-{now:%Y%m%d-%H%M%S-%f}",
        )
        notifier.send(message)
    if as_json:
        typer.echo(json.dumps({"sent": True, "to": notifier.name, "subject": message.subject}))
    else:
        typer.echo(f"Sent to {notifier.name}: {message.subject}")


def check(settings: Settings) -> None:
    """Find out before the work whether its answer can be sent.

    Raises:
        InvalidInputError: no way is set up, or not in full.
    """
    from betting_ai.bootstrap import build

    with build(settings) as opened:
        _ = opened.notifier


def tell(slate: Slate, settings: Settings, voice: Voice) -> None:
    """Send a slate, once, with the record so far where the slate is live.

    Raises:
        NotifyError: it could not be handed over.
    """
    from betting_ai.bootstrap import build
    from betting_ai.domain.record import digest
    from betting_ai.domain.slate import Stamp
    from betting_ai.usecases.alert_text import Standing
    from betting_ai.usecases.send_alerts import SendAlertsCommand
    from betting_ai.usecases.settle_picks import uk_day
    from betting_ai.usecases.track_record import TrackRecordCommand

    payload, standing = slate.to_dict(), None
    with build(settings) as opened:
        send = opened.send_alerts
        if Stamp.RECONSTRUCTED not in slate.stamps:
            record = opened.track_record(TrackRecordCommand())
            standing = Standing.of(record, uk_day(slate.as_of))
        done = send(SendAlertsCommand(digest(payload), payload, standing, opened.frequency))
    what = "this slate was sent before, and not again" if done.repeated else "alert sent"
    voice.note(f"{what}: {send.notifier.name}, {done.message.subject}")
