"""Every venue, each with what a test needs to arrange behind its back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract.rigs import CloudbetRig, PaperRig, RemoteRig, Rig, StakeRig
from integration.conftest import administration, database_url, engine, postgres, template

__all__ = ["administration", "database_url", "engine", "postgres", "template"]


@pytest.fixture(params=["paper", "stake", "cloudbet"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Each venue in turn."""
    if request.param == "paper":
        paper = PaperRig(request.getfixturevalue("database_url"))
        yield paper
        paper.close()
    else:
        yield from _remote(request.param)


@pytest.fixture(params=["stake", "cloudbet"])
def remote(request: pytest.FixtureRequest) -> Iterator[RemoteRig]:
    """Each venue that is reached over HTTP in turn."""
    yield from _remote(request.param)


@pytest.fixture
def paper(database_url: str) -> Iterator[PaperRig]:
    """The paper venue."""
    rig = PaperRig(database_url)
    yield rig
    rig.close()


@pytest.fixture
def stake() -> Iterator[StakeRig]:
    """The signed API."""
    with StakeRig.open() as rig:
        yield rig


@pytest.fixture
def cloudbet() -> Iterator[CloudbetRig]:
    """Cloudbet's API."""
    with CloudbetRig.open() as rig:
        yield rig


def _remote(name: str) -> Iterator[RemoteRig]:
    with {"stake": StakeRig, "cloudbet": CloudbetRig}[name].open() as rig:
        yield rig
