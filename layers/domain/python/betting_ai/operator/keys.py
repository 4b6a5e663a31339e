"""Who may call the API."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

from betting_ai.bootstrap import App
from betting_ai.domain.keys import ApiKey, Scope
from betting_ai.errors import InvalidInputError, NothingToDoError
from betting_ai.operator.answers import Answer, Arguments, NoArguments
from betting_ai.usecases.manage_keys import CreateKeyCommand, NewSecrets

_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


class NewKey(Arguments):
    """The key that is wanted.

    Attributes:
        name: for people.
        scopes: what it may do.
        expires_in: ``"90d"``, ``"12h"`` or ``"2w"``; None for a key that never expires.
    """

    name: str
    scopes: frozenset[Scope] = frozenset({Scope.READ})
    expires_in: str | None = None


class OneKey(Arguments):
    """One key.

    Attributes:
        key_id: its id.
    """

    key_id: str


def create_key(app: App, asked: NewKey) -> Answer:
    """Make a key; the only answer that holds its token, and what it signs with."""
    lifetime = None if asked.expires_in is None else _span(asked.expires_in)
    return _shown_once(app.create_key(CreateKeyCommand(asked.name, asked.scopes, lifetime)))


def list_keys(app: App, asked: NoArguments) -> Answer:
    """All keys, the newest first.

    Raises:
        NothingToDoError: there is none.
    """
    found, now = app.list_keys()[::-1], app.clock.now()
    if not found:
        raise NothingToDoError("no key yet; make one with `keys create NAME`")
    return Answer([_line(key, now) for key in found])


def rotate_key(app: App, asked: OneKey) -> Answer:
    """Give a key a new token and signing secret; the only answer that holds them."""
    return _shown_once(app.rotate_key(asked.key_id))


def finish_rotation(app: App, asked: OneKey) -> Answer:
    """End the token and signing secret of before."""
    return Answer(_line(app.finish_rotation(asked.key_id), app.clock.now()))


def revoke_key(app: App, asked: OneKey) -> Answer:
    """End a key for good."""
    return Answer(_line(app.revoke_key(asked.key_id), app.clock.now()))


def _shown_once(made: NewSecrets) -> Answer:
    secrets = {"token": made.token, "signing_secret": made.signing_secret}
    return Answer(_line(made.key, made.key.created_at) | {"shown_once": secrets})


def _line(key: ApiKey, now: datetime) -> dict[str, Any]:
    instants = {
        name: None if (at := getattr(key, name)) is None else at.isoformat()
        for name in ("created_at", "expires_at", "revoked_at", "rotated_at", "last_used_at")
    }
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(map(str, key.scopes)),
        "state": key.ended(now) or ("rotating" if len(key.generations) > 1 else "good"),
        "generations": list(key.generations),
    } | instants


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if found is None:
        raise InvalidInputError(f"--expires-in is written 90d, 12h or 2w: {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
