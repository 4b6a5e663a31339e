"""Answers quotes for transfers: the only function that can use the key.

Its one trigger is the stream of the table of quotes; it runs on `betting_signer` alone.
"""

from __future__ import annotations

from typing import Any

from betting_signer.lambdas import answered


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer a batch of quotes; names the first that is to come again."""
    return answered(event)
