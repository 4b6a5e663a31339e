"""What of the wallet is watched, besides what is of every function and queue."""

from __future__ import annotations

from typing import Final, Protocol

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs.function import Function
from infra.constructs.metrics import ours
from infra.environments import Environment
from infra.stacks.signer import SignerStack

URGENT: Final = {
    "locked": "the signer has locked itself after refusals: docs/runbooks/break-glass.md",
    "policy_not_approved": "the policy is not the approved one: who put it?",
    "policy_missing": "the signer finds no policy that it can read",
    "stamp_wrong": "an intent was not stamped by its requester: docs/runbooks/break-glass.md",
    "content_changed": "an intent changed after it was decided: docs/runbooks/break-glass.md",
    "key_mismatch": "the key is of another wallet: docs/runbooks/break-glass.md",
    "signature_wrong": "a signature was not what was asked for: docs/runbooks/break-glass.md",
    "day_above_cap": "a cap of 24 hours is reached: nothing more of that asset goes until later",
    "week_above_cap": "a cap of 7 days is reached: nothing more of that asset goes until later",
}
"""Refusals that are told of one by one."""

_FIVE: Final = cdk.Duration.minutes(5)
_HOUR: Final = cdk.Duration.hours(1)
_MISSING: Final = cloudwatch.TreatMissingData


class Alarm(Protocol):
    """Makes an alarm that tells operators."""

    def __call__(
        self,
        title: str,
        about: str,
        metric: cloudwatch.IMetric,
        *,
        above: float | None = None,
        below: float | None = None,
        times: int = 1,
        missing: cloudwatch.TreatMissingData = _MISSING.NOT_BREACHING,
    ) -> None:
        """An alarm."""


def watch(signer: SignerStack, environment: Environment, alarm: Alarm) -> None:
    """Alarms of a wallet."""
    name = signer.sign.name
    alarm(
        "SignRefused",
        "more than five transfers of an hour were refused: the log of sign_transfer has the codes",
        ours(name, "SignRefused", "Sum", _HOUR),
        above=5,
    )
    for code, about in URGENT.items():
        title = "".join(word.capitalize() for word in code.split("_"))
        alarm(
            f"SignRefused{title}",
            about,
            ours(name, "SignRefused", "Sum", _FIVE, reason=code),
            above=0,
        )
    alarm(
        "SignFailures",
        "a quote could not be answered: the log of sign_transfer names the error",
        ours(name, "Failures", "Sum", _FIVE),
        above=0,
    )
    alarm(
        "NonceGaps",
        "a nonce was left out, and later ones wait for it: `wallet status` of what is open",
        ours(name, "NonceGaps", "Sum", _FIVE),
        above=0,
    )
    alarm(
        "NoncesSkipped",
        "somebody else uses the wallet's key: docs/runbooks/break-glass.md",
        ours(name, "NoncesSkipped", "Sum", _FIVE),
        above=0,
    )
    for function in (signer.sign, signer.broadcast):
        _late(function, alarm)
    name = signer.broadcast.name
    alarm(
        "TransfersStuck",
        "a transfer waits for longer than it should: `wallet status`, and the price of gas",
        ours(name, "TransfersStuck", "Maximum", _FIVE),
        above=0,
    )
    alarm(
        "TransfersFailed",
        "a transfer failed, or another took its nonce: `wallet status`",
        ours(name, "TransfersFailed", "Sum", _FIVE),
        above=0,
    )
    alarm(
        "TransferTroubles",
        "endpoints of the chain fail or disagree: the log of broadcast_transfer says which",
        ours(name, "TransferTroubles", "Sum", _HOUR),
        above=10,
    )
    alarm(
        "IntentsUnreadable",
        "somebody put what is no intent of this wallet: docs/runbooks/break-glass.md",
        ours(name, "IntentsUnreadable", "Sum", _FIVE),
        above=0,
    )
    followed = bool(environment.wallet and environment.wallet.address)
    alarm(
        "TransfersUnfollowed",
        "open transfers are not looked at: does the schedule start broadcast_transfer?",
        signer.broadcast.function.metric_invocations(period=_FIVE, statistic="Sum"),
        below=1,
        times=3,
        missing=_MISSING.BREACHING if followed else _MISSING.NOT_BREACHING,
    )


def _late(function: Function, alarm: Alarm) -> None:
    alarm(
        f"{function.node.id}Late",
        f"a stream waits for {function.name} for five minutes: its log says why it fails",
        function.function.metric("IteratorAge", period=_FIVE, statistic="Maximum"),
        above=5 * 60 * 1000,
    )
