"""What differs between dev, stage and prod: this is the only place.

Account and region come from whoever deploys; nothing here is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

AT_ONCE: Final[Mapping[str, int]] = {
    "api": 6,
    "ingest_raw": 4,
    "select_top3": 2,
    "settle_picks": 2,
    "migrate_db": 1,
    "fetch_feeds": 1,
    "send_alerts": 2,
}
"""Most of each function that run at the same time, where concurrency is reserved.

Each of those that use the database holds one connection; its role may hold a few more, as those of
environments that are gone stay open for some minutes.
"""

WALLET_AT_ONCE: Final[Mapping[str, int]] = {"sign_transfer": 4, "broadcast_transfer": 8}
"""The same of the wallet's functions, where there is one: a stream has some four shards."""

INGEST_SECONDS: Final = 300
"""Longest run of the function that reads the queue of payloads."""

INGEST_MEGABYTES: Final = 1769
"""Its memory: a whole processor."""

INGEST_BATCH: Final = 10
"""Most messages of the queue that it is handed at a time."""


@dataclass(frozen=True)
class Wallet:
    """A wallet of an environment.

    People take the roles with a second factor. Without names, whoever the account's own
    administration lets take them may.

    Attributes:
        network: ``mainnet`` or ``testnet``; its signer refuses the other.
        address: checksummed, as `wallet init` printed it; until it is here, nothing runs.
        audit_days: for so long nobody can delete a copy of the audit.
        compliance: whether that holds for the account's owner too. It cannot be taken back.
        custodians: ARNs of who may put the key, and propose a policy.
        policy_approvers: of who may approve a policy, and turn the switch.
        approvers: of who may approve a transfer.
    """

    network: str
    address: str = ""
    audit_days: int = 365
    compliance: bool = False
    custodians: tuple[str, ...] = ()
    policy_approvers: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Environment:
    """One deployment, in an account of its own.

    Attributes:
        name: in stack names and tags.
        keep_data: whether buckets, tables and the database outlive their stacks.
        protected: whether AWS refuses to delete stacks and database; dropped by a deployment of
            its own, before `make destroy`.
        emails: who is told of slates; each confirms once.
        operators: who is told of alarms and of cost.
        networks: the only ones that may call the API, such as ``203.0.113.0/24``; all without.
        clients: who calls the API; each has a key of the gateway of its own.
        budget_usd: of a month; operators are told at 80 % and when it will be passed.
        multi_az: a second database that takes over.
        database_class: of the instance.
        database_version: of PostgreSQL; raised here, a few times a year.
        database_gb: of the disk, and how far it may grow.
        backup_days: for so long the database can be put back to any second.
        zones: in how many zones functions reach the secrets; each costs an endpoint.
        log_days: how long logs are kept.
        schedules: whether feeds are read, slates selected and picks settled by themselves.
        retrains: whether models are trained by themselves, once a week.
        reserve_concurrency: whether every function has a share of the account's concurrency. A
            new account has ten in all and refuses.
        requests_per_second: of all callers of the API together; a client has half of it.
        requests_per_day: of one client.
        snapshot: what the database is made from; stays named here for ever after.
        apart: nothing uses the database: for the time in which another takes its place.
        settings: more ``BETTING_AI_*`` variables of every function, without the prefix.
        wallet: money on a chain; without, there is nothing of it.
    """

    name: str
    keep_data: bool
    protected: bool
    emails: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    clients: tuple[str, ...] = ("first",)
    budget_usd: int = 60
    multi_az: bool = False
    database_class: str = "t4g.micro"
    database_version: str = "18.3"
    database_gb: tuple[int, int] = (20, 50)
    backup_days: int = 7
    zones: int = 1
    log_days: int = 30
    schedules: bool = True
    retrains: bool = True
    reserve_concurrency: bool = False
    requests_per_second: int = 20
    requests_per_day: int = 20_000
    snapshot: str = ""
    apart: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    wallet: Wallet | None = None

    @property
    def at_once(self) -> Mapping[str, int]:
        """Most of each of its functions that run at the same time, where that is reserved."""
        return {**AT_ONCE, **WALLET_AT_ONCE} if self.wallet else AT_ONCE


ENVIRONMENTS: Final = (
    Environment(
        "dev",
        keep_data=False,
        protected=False,
        budget_usd=50,
        backup_days=1,
        log_days=7,
        schedules=False,
        retrains=False,
        settings={"LOG_LEVEL": "DEBUG"},
    ),
    Environment("stage", keep_data=True, protected=True, log_days=30),
    Environment(
        "prod",
        keep_data=True,
        protected=True,
        budget_usd=200,
        multi_az=True,
        database_class="t4g.small",
        database_gb=(50, 200),
        backup_days=30,
        zones=2,
        log_days=90,
        requests_per_second=50,
        requests_per_day=100_000,
    ),
)


def environment_of(name: str) -> Environment:
    """The environment of a name.

    Raises:
        ValueError: there is none.
    """
    for environment in ENVIRONMENTS:
        if environment.name == name:
            return environment
    names = ", ".join(one.name for one in ENVIRONMENTS)
    raise ValueError(f"there is no environment {name!r}; use one of {names}")
