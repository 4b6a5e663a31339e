"""Every failure that the product knows of has a status, or is one that the API never meets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from betting_ai import errors
from betting_ai.api.problems import STATUS, of_error, told
from betting_ai.errors import DomainError, SecretError

NEVER_MET = {
    "failed": "the root of all others, never raised itself",
    "extra_missing": "training alone",
    "environment_unavailable": "operators' command line alone",
    "feed_failed": "feeds are read by commands",
    "feed_offline": "feeds are read by commands",
    "feed_key_refused": "feeds are read by commands",
    "feed_quota": "feeds are read by commands",
    "feed_paused": "feeds are read by commands",
    "not_tabular": "feeds are read by commands",
    "not_json": "feeds are read by commands",
    "object_missing": "payloads are kept and read again by commands",
    "object_damaged": "payloads are kept and read again by commands",
    "notify_failed": "alerts are sent by commands",
    "record_broken": "`history verify` alone",
    "chain_failed": "the API never asks a chain",
    "chain_offline": "the API never asks a chain",
    "chain_disagreement": "the API never asks a chain",
    "chain_behind": "the API never asks a chain",
    "insufficient_funds": "the API never asks a chain",
    "transfer_reverts": "the API never asks a chain",
    "fee_too_high": "fees are told by a chain",
    "wrong_transaction": "signed bytes never reach the API",
    "transfer_conflict": "transfers are followed elsewhere",
    "venue_off": "the route tells it as venue_not_available",
}


def _all(of: type[DomainError]) -> Iterator[type[DomainError]]:
    yield of
    for one in of.__subclasses__():
        yield from _all(one)


KINDS = sorted({one for one in _all(DomainError) if one.__module__ == errors.__name__}, key=str)


@pytest.mark.parametrize("kind", KINDS)
def test_every_failure_has_its_status_or_a_reason_to_have_none(kind: type[DomainError]) -> None:
    assert (kind.code in STATUS) != (kind.code in NEVER_MET), kind.code


def test_there_is_no_row_for_what_cannot_be() -> None:
    codes = {kind.code for kind in KINDS}
    assert codes >= NEVER_MET.keys()
    # The edge tells these without an error of their own.
    assert STATUS.keys() - codes == {"address_refused", "too_large", "unknown_host"}


def test_a_secret_that_cannot_be_used_is_the_operators_and_names_no_file() -> None:
    error = SecretError("/home/somebody/root-secret is damaged")
    answer = of_error(error, "/api/v1/betting/top3")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "somebody" not in told(error)
    assert b"somebody" not in answer.body
