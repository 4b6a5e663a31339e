"""Find out whose token it is."""

from __future__ import annotations

from dataclasses import dataclass

from betting_ai.clock import Clock
from betting_ai.domain.keys import ApiKey, Token
from betting_ai.errors import UnauthorizedError
from betting_ai.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True)
class Authenticated:
    """Who calls.

    Attributes:
        key: the key, alive.
        generation: which one its token is of.
    """

    key: ApiKey
    generation: int


@dataclass(frozen=True)
class Authenticate:
    """The use case: one unit of work."""

    units: UnitOfWorkFactory
    clock: Clock

    def __call__(self, token: Token) -> Authenticated:
        """The key of a token; that it was used is noted, at most once a minute.

        Raises:
            UnauthorizedError: there is no such key, the token is not its, or the key is dead.
        """
        now = self.clock.now()
        with self.units() as unit:
            key = unit.keys.find(token.key_id)
            if key is None:
                raise UnauthorizedError("key_unknown")
            generation = key.admit(token, now)
            if unit.keys.note_use(key.id, now):
                unit.commit()
        return Authenticated(key, generation)
