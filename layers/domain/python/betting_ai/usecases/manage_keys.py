"""Make, list, rotate and revoke application keys.

A token and a signing secret are in a result once, when they are made; afterwards nobody can show
them. While a rotation is open, those of the generation before stay good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from secrets import token_bytes
from typing import Final

from betting_ai.clock import Clock
from betting_ai.domain.keys import (
    KEY_ID_BYTES,
    TOKEN_BYTES,
    ApiKey,
    Scope,
    Token,
    signing_secret,
)
from betting_ai.errors import InvalidInputError, NothingToDoError
from betting_ai.ports.secrets import ROOT_SECRET, Secrets
from betting_ai.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

LONGEST: Final = timedelta(days=3650)
"""No key lives longer, but for those that never expire."""

_LONGEST_NAME: Final = 100

Random = Callable[[int], bytes]
"""Gives so many random bytes."""


@dataclass(frozen=True)
class NewSecrets:
    """What is shown once.

    Attributes:
        key: the key it is of.
        token: proves who calls.
        signing_secret: signs calls; None for a key that may only read.
    """

    key: ApiKey
    token: str = field(repr=False)
    signing_secret: str | None = field(repr=False)


@dataclass(frozen=True)
class CreateKeyCommand:
    """The key that is wanted.

    Attributes:
        name: for people.
        scopes: what it may do.
        lifetime: None for a key that never expires.

    Raises:
        InvalidInputError: one of them cannot be.
    """

    name: str
    scopes: frozenset[Scope]
    lifetime: timedelta | None = None

    def __post_init__(self) -> None:
        if not (0 < len(self.name) <= _LONGEST_NAME and self.name.isprintable()):
            raise InvalidInputError(
                f"the name of a key has 1 to {_LONGEST_NAME} printable characters"
            )
        if not self.scopes:
            raise InvalidInputError("a key needs a scope: read, bet or transfer")
        if self.lifetime is not None and not timedelta() < self.lifetime <= LONGEST:
            raise InvalidInputError(f"a key lives at most {LONGEST.days} days")


@dataclass(frozen=True)
class CreateKey:
    """The use case: one unit of work."""

    units: UnitOfWorkFactory
    secrets: Secrets
    clock: Clock
    random: Random = token_bytes

    def __call__(self, command: CreateKeyCommand) -> NewSecrets:
        """Make a key.

        Raises:
            SecretError: there is no root secret to derive its signing secret from.
        """
        now = self.clock.now()
        token = Token.make(self.random(KEY_ID_BYTES).hex(), self.random(TOKEN_BYTES))
        lifetime = command.lifetime
        key = ApiKey(
            id=token.key_id,
            name=command.name,
            scopes=command.scopes,
            token_hash=token.digest,
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        made = _shown(key, token, self.secrets)
        with self.units() as unit:
            unit.keys.add(key)
            unit.commit()
        return made


@dataclass(frozen=True)
class ListKeys:
    """The use case; reads only."""

    units: UnitOfWorkFactory

    def __call__(self) -> list[ApiKey]:
        """All keys, dead ones too, oldest first."""
        with self.units() as unit:
            return unit.keys.all()


@dataclass(frozen=True)
class RotateKey:
    """The use case: one unit of work."""

    units: UnitOfWorkFactory
    secrets: Secrets
    clock: Clock
    random: Random = token_bytes

    def __call__(self, key_id: str) -> NewSecrets:
        """Give a key a new token and signing secret; those before stay good until `FinishRotation`.

        Older ones, of a rotation that was still open, end.

        Raises:
            InvalidInputError: there is no such key, or it is dead.
            SecretError: there is no root secret to derive its signing secret from.
        """
        token = Token.make(key_id, self.random(TOKEN_BYTES))
        now = self.clock.now()
        with self.units() as unit:
            known = _known(unit, key_id)
            rotated = None
            if known.ended(now) is None:
                rotated = unit.keys.rotate(key_id, token.digest, now)
            if rotated is None:
                raise InvalidInputError(
                    f"key {key_id} is {known.ended(now) or 'revoked'}; create another"
                )
            made = _shown(rotated, token, self.secrets)
            unit.commit()
        return made


@dataclass(frozen=True)
class FinishRotation:
    """The use case: one unit of work."""

    units: UnitOfWorkFactory

    def __call__(self, key_id: str) -> ApiKey:
        """End the token and signing secret before the newest.

        Raises:
            InvalidInputError: there is no such key.
            NothingToDoError: no rotation of it is open.
        """
        with self.units() as unit:
            if _known(unit, key_id).previous_token_hash is None:
                raise NothingToDoError(f"no rotation of key {key_id} is open")
            unit.keys.finish_rotation(key_id)
            key = _known(unit, key_id)
            unit.commit()
        return key


@dataclass(frozen=True)
class RevokeKey:
    """The use case: one unit of work."""

    units: UnitOfWorkFactory
    clock: Clock

    def __call__(self, key_id: str) -> ApiKey:
        """End a key for good; revoking it again changes nothing.

        Raises:
            InvalidInputError: there is no such key.
        """
        with self.units() as unit:
            _known(unit, key_id)
            unit.keys.revoke(key_id, self.clock.now())
            revoked = _known(unit, key_id)
            unit.commit()
        return revoked


def _known(unit: UnitOfWork, key_id: str) -> ApiKey:
    found = unit.keys.find(key_id)
    if found is None:
        raise InvalidInputError(f"there is no key {key_id!r}; `keys list` shows them")
    return found


def _shown(key: ApiKey, token: Token, secrets: Secrets) -> NewSecrets:
    secret = None
    if key.signs:
        secret = signing_secret(secrets.read(ROOT_SECRET), key.id, key.generation)
    return NewSecrets(key, token.text, secret)
