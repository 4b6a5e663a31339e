"""Keys in a real database: rotation, revocation, nonces used once, and no secret anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from betting_ai.adapters.sql.engine import connect
from betting_ai.adapters.sql.unit_of_work import SqlUnitOfWork, unit_of_work_factory
from betting_ai.clock import MovingClock
from betting_ai.domain.keys import ApiKey, Scope, Token, signing_secret
from betting_ai.errors import InvalidInputError, NothingToDoError, UnauthorizedError
from betting_ai.usecases.authenticate import Authenticate
from betting_ai.usecases.manage_keys import (
    CreateKey,
    CreateKeyCommand,
    FinishRotation,
    ListKeys,
    NewSecrets,
    RevokeKey,
    RotateKey,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROOT = b"a root secret of thirty-two bytes"


class OneSecret:
    def read(self, name: str) -> bytes:
        return ROOT


@dataclass
class Keys:
    """The use cases of one database, at one time."""

    engine: Engine
    clock: MovingClock

    def __post_init__(self) -> None:
        units = unit_of_work_factory(self.engine)
        self.create = CreateKey(units, OneSecret(), self.clock)
        self.rotate = RotateKey(units, OneSecret(), self.clock)
        self.finish = FinishRotation(units)
        self.revoke = RevokeKey(units, self.clock)
        self.list = ListKeys(units)
        self.authenticate = Authenticate(units, self.clock)

    def made(self, *scopes: Scope, lifetime: timedelta | None = None) -> NewSecrets:
        return self.create(CreateKeyCommand("mine", frozenset(scopes or {Scope.READ}), lifetime))

    def generation(self, made: NewSecrets) -> int:
        return self.authenticate(Token.parse(made.token)).generation

    def refusal(self, made: NewSecrets) -> str:
        with pytest.raises(UnauthorizedError) as refused:
            self.generation(made)
        return refused.value.reason

    def found(self, key_id: str) -> ApiKey:
        return next(key for key in self.list() if key.id == key_id)


@pytest.fixture
def keys(engine: Engine) -> Keys:
    return Keys(engine, MovingClock(NOW))


@pytest.fixture
def wide(database_url: str) -> Iterator[Engine]:
    """As a server connects: twenty at once."""
    engine = connect(database_url, pool="server")
    yield engine
    engine.dispose()


def test_a_key_is_stored_as_it_was_made(keys: Keys) -> None:
    made = keys.made(Scope.READ, Scope.BET, lifetime=timedelta(days=90))
    [stored] = keys.list()
    assert stored == made.key
    assert stored.scopes == {Scope.READ, Scope.BET}
    assert (stored.created_at, stored.expires_at) == (NOW, NOW + timedelta(days=90))
    assert made.signing_secret == signing_secret(ROOT, stored.id, 1)
    assert keys.generation(made) == 1


def test_a_key_that_only_reads_has_nothing_to_sign_with(keys: Keys) -> None:
    assert keys.made().signing_secret is None


def test_every_key_has_secrets_of_its_own(keys: Keys) -> None:
    made = [keys.made(Scope.BET) for _ in range(5)]
    for kind in ("token", "signing_secret"):
        assert len({getattr(one, kind) for one in made}) == 5
    assert [key.id for key in keys.list()] == sorted(one.key.id for one in made)


def test_while_a_rotation_is_open_both_generations_are_good(keys: Keys) -> None:
    first = keys.made(Scope.BET)
    second = keys.rotate(first.key.id)
    assert (keys.generation(first), keys.generation(second)) == (1, 2)
    assert keys.found(first.key.id).generations == (2, 1)
    assert second.signing_secret == signing_secret(ROOT, first.key.id, 2)
    keys.finish(first.key.id)
    assert keys.generation(second) == 2
    assert keys.refusal(first) == "token_wrong"
    assert keys.found(first.key.id).generations == (2,)
    with pytest.raises(NothingToDoError):
        keys.finish(first.key.id)


def test_the_next_rotation_ends_the_oldest(keys: Keys) -> None:
    first = keys.made(Scope.BET)
    second, third = keys.rotate(first.key.id), keys.rotate(first.key.id)
    assert keys.refusal(first) == "token_wrong"
    assert (keys.generation(second), keys.generation(third)) == (2, 3)


def test_rotations_at_once_are_one_after_another(keys: Keys, wide: Engine) -> None:
    first = keys.made(Scope.BET)
    rotate = Keys(wide, keys.clock).rotate
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(rotate, [first.key.id] * 8))
    assert sorted(one.key.generation for one in made) == list(range(2, 10))
    good = [one for one in made if one.key.generation >= 8]
    assert sorted(map(keys.generation, good)) == [8, 9]
    assert {keys.refusal(one) for one in made if one not in good} == {"token_wrong"}


def test_a_revoked_key_is_dead_for_good(keys: Keys) -> None:
    made = keys.made()
    assert keys.revoke(made.key.id).revoked_at == NOW
    keys.clock.move(NOW + MINUTE)
    assert keys.revoke(made.key.id).revoked_at == NOW
    assert keys.refusal(made) == "key_revoked"
    with pytest.raises(InvalidInputError, match="revoked"):
        keys.rotate(made.key.id)


def test_an_expired_key_is_dead(keys: Keys) -> None:
    made = keys.made(lifetime=timedelta(days=1))
    keys.clock.move(NOW + timedelta(days=1) - MINUTE)
    assert keys.generation(made) == 1
    keys.clock.move(NOW + timedelta(days=1))
    assert keys.refusal(made) == "key_expired"
    with pytest.raises(InvalidInputError, match="expired"):
        keys.rotate(made.key.id)


def test_of_an_unknown_key_nothing_can_be_done(keys: Keys) -> None:
    stranger = Token.make("0" * 16, bytes(32))
    with pytest.raises(UnauthorizedError) as refused:
        keys.authenticate(stranger)
    assert refused.value.reason == "key_unknown"
    for change in (keys.rotate, keys.finish, keys.revoke):
        with pytest.raises(InvalidInputError, match="keys list"):
            change(stranger.key_id)


def test_use_is_noted_once_a_minute_and_only_of_who_proved_it(keys: Keys) -> None:
    made = keys.made()
    with pytest.raises(UnauthorizedError):
        keys.authenticate(Token.make(made.key.id, bytes(32)))
    assert keys.found(made.key.id).last_used_at is None
    noted = []
    for seconds in (0, 59, 60, 119, 121):
        keys.clock.move(NOW + timedelta(seconds=seconds))
        keys.generation(made)
        noted.append(keys.found(made.key.id).last_used_at)
    assert noted == [NOW + timedelta(seconds=told) for told in (0, 0, 60, 60, 121)]


def test_no_secret_is_in_the_database(keys: Keys) -> None:
    made = [keys.made(Scope.BET)]
    made.append(keys.rotate(made[0].key.id))
    with keys.engine.connect() as connection:
        rows = connection.scalars(sa.text("SELECT to_jsonb(k)::text FROM api_keys k")).all()
    stored = "".join(rows)
    assert made[0].key.id in stored
    secrets = [text for one in made for text in (one.token, str(one.signing_secret))]
    for secret in [*secrets, ROOT.decode()]:
        tail = secret.split("_", 2)[-1]
        assert tail not in stored
        assert tail.encode().hex() not in stored


def claim(engine: Engine, key_id: str, nonce: str, now: datetime = NOW) -> bool:
    with SqlUnitOfWork(engine) as unit:
        fresh = unit.keys.claim_nonce(key_id, nonce, now=now, expires_at=now + 5 * MINUTE)
        unit.commit()
    return fresh


def test_a_nonce_is_used_once_by_each_key(keys: Keys) -> None:
    mine, other = keys.made().key.id, keys.made().key.id
    assert claim(keys.engine, mine, "n")
    assert not claim(keys.engine, mine, "n")
    assert claim(keys.engine, other, "n")
    assert claim(keys.engine, mine, "N")


def test_of_twenty_at_once_one_gets_the_nonce(keys: Keys, wide: Engine) -> None:
    key_id = keys.made().key.id
    together = Barrier(20)

    def race(nonce: str) -> bool:
        together.wait()
        return claim(wide, key_id, nonce)

    with ThreadPoolExecutor(20) as pool:
        for number in range(10):
            assert sum(pool.map(race, [f"n{number}"] * 20)) == 1


def test_a_claim_that_was_not_committed_counts_for_nothing(keys: Keys) -> None:
    key_id = keys.made().key.id
    with SqlUnitOfWork(keys.engine) as unit:
        assert unit.keys.claim_nonce(key_id, "n", now=NOW, expires_at=NOW + MINUTE)
    assert claim(keys.engine, key_id, "n")


def test_nonces_are_forgotten_bit_by_bit_once_they_expired(keys: Keys) -> None:
    key_id = keys.made().key.id
    for number in range(50):
        assert claim(keys.engine, key_id, f"n{number}")
    assert nonces(keys.engine) == 50
    later = NOW + 5 * MINUTE
    for left in (31, 12, 3, 4):
        assert claim(keys.engine, key_id, f"late{left}", later)
        assert nonces(keys.engine) == left
    assert not claim(keys.engine, key_id, "late31", later)


def nonces(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM api_nonces")) or 0
