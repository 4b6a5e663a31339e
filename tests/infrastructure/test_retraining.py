"""The machines that train and promote, as the templates describe them, on real match files.

What a machine is given is what is deployed: the source as an asset, the commands and variables of
its project, and a stand-in for AWS behind a witness that lets through what its role allows and
nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import forked
from betting_ai.adapters.aws import clients
from betting_ai.adapters.aws.model_shelf import CANDIDATES, S3ModelShelf, read_folder
from betting_ai.adapters.aws.object_store import S3Objects
from betting_ai.api.reading import Reading
from betting_ai.bootstrap import App, build
from betting_ai.models.manifest import MANIFEST
from betting_ai.ports.feeds import FeedRequest, Payload, PayloadKind
from betting_ai.settings import load_settings
from betting_ai.usecases.export_record import as_document
from betting_ai.usecases.fetch_feeds import FetchFeeds
from betting_ai.usecases.ingest_raw import STORED, IngestCommand
from conftest import FOOTBALL
from fakes.season_site import season_site
from functions.account import MODELS, ROOT
from integration.conftest import administration, database_url, postgres, template
from integration.record_world import MORNING, World, match, pick, slate, world
from rehearsal.allowed import Call, allowed
from rehearsal.cloud import CREDENTIALS, Cloud, cloud
from rehearsal.template import REGION, Environment, Resource
from rehearsal.witness import Witness, witness

__all__ = ["administration", "database_url", "postgres", "template", "world"]

WINNER, TOTALS = "match_result", "over_under_2_5"
BEFORE, THROUGH, BETWEEN = "2023-06-30", "2024-06-30", "2024-01-31"
SEASONS = range(2019, 2025)
"""Enough to train on through the last but one, and one that nobody has touched."""

REFUSED = b"<Error><Code>AccessDenied</Code><Message>no statement allows it</Message></Error>"


@dataclass
class Machine:
    """A machine of CodeBuild, with what its role lets through.

    Attributes:
        project: as the template has it.
        statements: of its role.
        folder: where its source lies.
        environment: its variables.
        witness: between it and AWS.
    """

    project: Resource
    statements: list[dict[str, Any]]
    folder: Path
    environment: Mapping[str, str]
    witness: Witness

    def __post_init__(self) -> None:
        self.witness.fault = lambda call: None if self.may(call) else (403, REFUSED)

    def may(self, call: Call) -> bool:
        return allowed(call, self.statements)

    def build(self, **more: str) -> subprocess.CompletedProcess[str]:
        """What its commands do, with variables that whoever starts a build may add."""
        specification = json.loads(self.project.body["Properties"]["Source"]["BuildSpec"])
        [command] = specification["phases"]["build"]["commands"]
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env={**self.environment, **more},
            capture_output=True, text=True, check=False, timeout=540,
        )  # fmt: skip
        refused = {call for call in self.witness.calls if not self.may(call)}
        assert not refused, done.stderr
        return done

    def written(self) -> set[str]:
        """What it put somewhere, as <bucket>/<name>."""
        calls = (call for call in self.witness.calls if call.action == "s3:PutObject")
        return {call.resource.removeprefix("arn:aws:s3:::") for call in calls}


@dataclass
class Account:
    """An environment with its buckets, and machines that are started when they are asked for."""

    cloud: Cloud
    assembly: Path
    scratch: Path
    stack: ExitStack = field(default_factory=ExitStack)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> Environment:
        return self.cloud.environment

    def bucket(self, name: str) -> S3Objects:
        [found] = [one for one in self.environment.of("AWS::S3::Bucket") if one.name[:-8] == name]
        return S3Objects(found.physical, self.cloud.client("s3"))

    @property
    def shelf(self) -> S3ModelShelf:
        return S3ModelShelf(self.bucket("Artifacts"))

    def machine(self, name: str) -> Machine:
        [project] = [
            one for one in self.environment.of("AWS::CodeBuild::Project") if one.name[:-8] == name
        ]
        told = self.environment.properties(project)
        role = project.body["Properties"]["ServiceRole"]["Fn::GetAtt"][0]
        seen = self.stack.enter_context(witness(self.cloud.url, self.lock))
        variables = {
            one["Name"]: str(one["Value"]) for one in told["Environment"]["EnvironmentVariables"]
        }
        return Machine(
            project,
            self.environment.roles[project.stack, role],
            self._source(told["Source"]["Location"]),
            clean(os.environ) | variables | {
                # Fits are kept there: a run must not find those of the one before.
                "BETTING_AI_HOME": str(self.scratch / name),
                "PYTHON": sys.executable,  # the one whose packages are in the cache
                **asked_at(seen.url),
                **offline(self.scratch),
            },
            seen,
        )  # fmt: skip

    def _source(self, location: str) -> Path:
        """The source that is deployed, unpacked anew.

        With an environment of its own, made from the hash locks as on the machine: the checkout's
        has every package, so that nothing would be seen to be missing, and a test that runs beside
        this one must not have its packages exchanged. uv alone is taken from the checkout, since
        pip would ask an index for it.
        """
        digest = re.search(r"/([0-9a-f]{64})\.zip$", location)
        assert digest is not None, location
        folder = self.scratch / "source"
        if not folder.exists():
            shutil.copytree(self.assembly / f"asset.{digest[1]}", folder)
            virtual(folder / ".venv")
            shutil.copy(uv(), folder / ".venv/bin/uv")
        return folder


def virtual(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)


def uv() -> Path:
    return Path(sys.executable).with_name("uv")


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what `make`, AWS or the product would take for an order."""
    ours = ("AWS_", "BETTING_AI_", "MAKE", "MFLAGS", "ARGS", "VIRTUAL_ENV", "DATABASE_URL")
    return {name: value for name, value in environment.items() if not name.startswith(ours)}


def asked_at(url: str) -> dict[str, str]:
    """How a process is brought to ask a stand-in for AWS."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def offline(scratch: Path) -> dict[str, str]:
    """Let packages come from uv's cache, where setting up the checkout has left them all."""
    empty = scratch / "empty"
    virtual(empty)
    sets = [part for name in ("local", "train") for part in ("-r", f"requirements/{name}.txt")]
    asked = [uv(), "pip", "install", "--dry-run", "--offline", "--quiet", "--require-hashes", *sets]
    found = subprocess.run(
        asked, cwd=ROOT, env=clean(os.environ) | {"VIRTUAL_ENV": str(empty)},
        capture_output=True, check=False,
    )  # fmt: skip
    return {"UV_OFFLINE": "1"} if found.returncode == 0 else {}


@pytest.fixture
def account(assembly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with cloud(Environment.load(assembly / "assembly-betting-ai-stage")) as made:
        made.make("owner", "its password", "localhost")
        for name, value in asked_at(made.url).items():
            monkeypatch.setenv(name, value)
        clients.client.cache_clear()
        account = Account(made, assembly, tmp_path)
        with account.stack:
            yield account
    clients.client.cache_clear()


@pytest.fixture
def app(account: Account, database_url: str, tmp_path: Path) -> Iterator[App]:
    """What functions of the environment do, with its buckets, a database and the site."""
    with season_site(FOOTBALL) as site:
        settings = load_settings(
            home=tmp_path / "functions",
            database_url=database_url,
            objects_bucket=account.bucket("Objects").bucket,
            models_bucket=account.bucket("Artifacts").bucket,
            site_url=site.url,
        )
        with build(settings) as opened:
            yield opened


def fetch(app: App) -> None:
    """What `fetch_feeds` does with real seasons, one of which came once before, cut short."""
    content = (FOOTBALL / "2425/E0.csv").read_bytes()[:9_000].rpartition(b"\n")[0]
    came = datetime(2024, 12, 1, 7, tzinfo=UTC)
    app.raw.put(content)
    app.inbox.announce(
        Payload("football_data", "2425/E0.csv", PayloadKind.SEASON, content, came, "E0", 2024)
    )
    request = FeedRequest(leagues=("E0",), seasons=tuple(SEASONS))
    fetched = FetchFeeds(app.site(), app.raw, app.inbox)(request)
    assert len(fetched.payloads) == len(SEASONS)


def export(app: App, world: World) -> None:
    """What `settle_picks` does at its end, with a slate in the record."""
    world.publish(slate(pick(0)))
    world.tell(match(0, (2, 0)))
    world.settle()
    with app.units() as unit:
        app.objects.write("record/record.json", as_document(unit).encode())


def publish(account: Account, folder: Path) -> subprocess.CompletedProcess[str]:
    """`models publish` of a folder with one version of each market."""
    for market in (WINNER, TOTALS):
        shutil.copytree(MODELS / market / BEFORE, folder / market / BEFORE)
    channels = {market: {"stable": [BEFORE]} for market in (WINNER, TOTALS)}
    (folder / "channels.json").write_text(json.dumps(channels))
    return betting_ai(account, "models", "publish", BETTING_AI_MODELS=str(folder))


def betting_ai(account: Account, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """The command as a person who may do everything gives it."""
    return forked.betting_ai(*words, env=operator(account) | changes)


def operator(account: Account) -> dict[str, str]:
    return {
        **clean(os.environ),
        **asked_at(account.cloud.url),
        "BETTING_AI_HOME": str(account.scratch / "person"),
        "BETTING_AI_OBJECTS_BUCKET": account.bucket("Objects").bucket,
        "BETTING_AI_MODELS_BUCKET": account.shelf.objects.bucket,
    }


def overconfident(version: str) -> dict[str, bytes]:
    """A real model that is made far too sure of itself."""
    files = read_folder(MODELS / WINNER / BEFORE)
    manifest = json.loads(files[MANIFEST]) | {
        "version": version,
        "calibration": {"biases": [0.0, 0.0, 0.0], "scales": [2.0, 2.0, 2.0]},
    }
    return files | {MANIFEST: json.dumps(manifest).encode()}


@pytest.mark.shared
@pytest.mark.slow
def test_candidates_are_trained_and_promoted_by_machines_that_may_do_no_more(
    account: Account, app: App, world: World, tmp_path: Path
) -> None:
    assert publish(account, tmp_path / "published").returncode == 0
    fetch(app)
    export(app, world)
    shelf, objects = account.shelf, account.bucket("Objects")
    published = set(shelf.objects.names(""))
    assert {name.split("/")[0] for name in published} == {"channels.json", WINNER, TOTALS}

    # One that the rule takes, and one that is clearly worse: judged where nothing can train.
    shelf.put(TOTALS, THROUGH, read_folder(MODELS / TOTALS / THROUGH), CANDIDATES)
    shelf.put(WINNER, BETWEEN, overconfident(BETWEEN), CANDIDATES)
    promote = account.machine("Promote")
    verdicts = judged(promote)
    for name in ("sklearn", "xgboost", "scipy", "onnx", "matplotlib"):
        assert not list(promote.folder.glob(f".venv/lib/*/site-packages/{name}")), name
    assert verdicts[TOTALS]["promote"]
    assert not verdicts[WINNER]["promote"]
    assert verdicts[WINNER]["to_results"]["mean"] > 4 * verdicts[WINNER]["to_results"]["se"]
    for verdict in verdicts.values():
        follows_the_rule(verdict)
    assert shelf.channels() == {WINNER: {"stable": [BEFORE]}, TOTALS: {"stable": [BEFORE, THROUGH]}}
    assert shelf.files(TOTALS, THROUGH) == read_folder(MODELS / TOTALS / THROUGH)
    assert not shelf.objects.names(f"{WINNER}/{BETWEEN}/")

    # A model of its own, by whoever may only put down candidates.
    retrain = account.machine("Retrain")
    candidate = f"{CANDIDATES}{WINNER}/{THROUGH}/"
    done = retrain.build(ARGS=f"--through {THROUGH} --market {WINNER}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Candidates: {WINNER}/{THROUGH}\n"
    assert {name.split("/", 1)[1].rpartition("/")[0] + "/" for name in retrain.written()} == {
        candidate
    }
    for bucket, name in (
        *((shelf.objects.bucket, name) for name in ("channels.json", f"{WINNER}/{THROUGH}/x")),
        *((objects.bucket, name) for name in ("raw/00/00", "inbox/x", "record/record.json")),
    ):
        arn = f"arn:aws:s3:::{bucket}/{name}"
        assert not retrain.may(Call("s3", "s3:PutObject", arn))
        assert not retrain.may(Call("s3", "s3:DeleteObject", arn))
    assert json.loads(shelf.objects.read(f"{candidate}{MANIFEST}") or b"")["version"] == THROUGH
    provenance = json.loads(shelf.objects.read(f"{candidate}provenance.json") or b"")
    assert provenance["record"]["slates"]["entries"] == 1
    newest = {
        payload.name: payload.sha256
        for payload in map(app.inbox.payload, app.inbox.names(PayloadKind.SEASON))
        if payload.received_at.year > 2024
    }
    assert provenance["seasons"] == newest
    assert set(newest) == {f"{s % 100}{s % 100 + 1}/E0.csv" for s in SEASONS}
    assert shelf.channels()[WINNER] == {"stable": [BEFORE]}

    # It is judged in the place of the one before, and put to use.
    verdict = judged(promote)[WINNER]
    follows_the_rule(verdict)
    assert (verdict["champion"], verdict["challenger"]) == (BEFORE, THROUGH)
    assert verdict["promote"]
    assert shelf.channels()[WINNER] == {"stable": [BEFORE, THROUGH]}
    assert shelf.files(WINNER, THROUGH) == shelf.files(WINNER, THROUGH, CANDIDATES)
    model = app.registry.pick(WINNER, "stable", MORNING)
    assert model.manifest.version == THROUGH
    done = promote.build()
    assert done.returncode != 0
    assert "no candidate is newer than what is in stable" in done.stderr
    assert promote.written() & {f"{shelf.objects.bucket}/{name}" for name in published} == {
        f"{shelf.objects.bucket}/channels.json"
    }
    figures_reach_the_database(app)


def judged(promote: Machine) -> dict[str, dict[str, Any]]:
    """The verdicts of a build, by market."""
    done = promote.build(ARGS="--json")
    assert done.returncode == 0, done.stderr
    return {one["market"]: one for one in json.loads(done.stdout)["verdicts"]}


def follows_the_rule(verdict: Mapping[str, Any]) -> None:
    """On the season that neither model nor any choice has touched."""
    close, results = verdict["to_close"], verdict["to_results"]
    rule = close["mean"] <= close["se"] and results["mean"] <= 2 * results["se"]
    assert verdict["promote"] is rule
    assert date.fromisoformat(verdict["from"]) == date(2024, 7, 1)
    assert date.fromisoformat(verdict["to"]) == date(2025, 5, 25)
    assert verdict["matches"] == 380


def figures_reach_the_database(app: App) -> None:
    """What `ingest_raw` does with announcements, and what is shown of it."""
    names = app.inbox.names(PayloadKind.FIGURES)
    assert [name.rpartition("/")[0] for name in names] == [
        f"inbox/5-figures/retraining/{one}.json"
        for one in (f"{WINNER}/{BETWEEN}", f"{WINNER}/{THROUGH}", f"{TOTALS}/{THROUGH}")
    ]
    done = app.ingest(IngestCommand(tuple(map(app.inbox.payload, names))))
    assert done.count(STORED) == 3, done.entries
    shown = {
        (one["market"], one["version"]): {told["member"]: told for told in one["performance"]}
        for one in Reading(app).models()["items"]
    }
    assert not shown[WINNER, BEFORE]
    for market in (WINNER, TOTALS):
        told = shown[market, THROUGH]["ensemble"]
        assert (told["first_day"], told["matches"]) == ("2024-07-01", 380)
        assert 0.6 < told["log_loss"] < 1.05


def said(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """The exit code, and the one line that says why."""
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return done.returncode, line.removeprefix("error: ")


def test_what_is_missing_is_said_in_one_line(account: Account) -> None:
    bucket = account.shelf.objects.bucket
    for command in ("publish", "retrain", "judge"):
        code, line = said(betting_ai(account, "models", command, BETTING_AI_MODELS_BUCKET=""))
        assert code == 2
        assert line == "set BETTING_AI_MODELS_BUCKET to the environment's bucket of models"
    for words, changes, told in (
        (["retrain"], {}, (3, "no season file is in the bucket; `fetch_feeds` brings them")),
        (
            ["judge"],
            {},
            (3, f"no candidate is in s3://{bucket}; `models retrain` puts them there"),
        ),
        (
            ["judge"],
            {"BETTING_AI_MODELS_BUCKET": "none-here"},
            (1, "s3://none-here cannot be used: NoSuchBucket"),
        ),
        (
            ["retrain"],
            {"BETTING_AI_OBJECTS_BUCKET": ""},
            (2, "setting objects_bucket is missing; set BETTING_AI_OBJECTS_BUCKET"),
        ),
        (
            ["retrain", "--market", "tennis_winner"],
            {},
            (
                2,
                "--market tennis_winner: season files of football train match_result and "
                "over_under_2_5",
            ),
        ),
        (["retrain", "--through", "9999-01-01"], {}, (2, "--through 9999-01-01 is not over yet")),
        (
            ["retrain", "--through", "June"],
            {},
            (2, "--through 'June' is no date; write 2025-06-30"),
        ),
    ):
        assert said(betting_ai(account, "models", *words, **changes)) == told
    account.shelf.put(WINNER, THROUGH, read_folder(MODELS / WINNER / THROUGH), CANDIDATES)
    assert said(betting_ai(account, "models", "judge"))[0] == 3  # there is nothing to judge it by


def test_what_is_published_is_whole_and_can_be_listed(account: Account, tmp_path: Path) -> None:
    done = publish(account, tmp_path)
    assert done.returncode == 0, done.stderr
    bucket = account.shelf.objects.bucket
    assert done.stdout == f"2 models are in {bucket}: {WINNER}/{BEFORE}, {TOTALS}/{BEFORE}\n"
    assert account.shelf.channels() == json.loads((tmp_path / "channels.json").read_text())
    for market in (WINNER, TOTALS):
        assert account.shelf.files(market, BEFORE) == read_folder(MODELS / market / BEFORE)
    listed = json.loads(betting_ai(account, "models", "list", "--json").stdout)
    assert [(one["market"], one["version"], one["channels"]) for one in listed] == [
        (WINNER, BEFORE, ["stable"]),
        (TOTALS, BEFORE, ["stable"]),
    ]
    # A folder is not what answers any more: nothing is changed in it by mistake.
    for words in (["rollback", "--yes"], ["restore", BEFORE]):
        code, line = said(betting_ai(account, "models", *words))
        assert code == 2
        assert "`models judge`" in line
    shutil.copytree(MODELS / WINNER / THROUGH, tmp_path / WINNER / THROUGH)
    (tmp_path / WINNER / THROUGH / "close.onnx").unlink()
    channels = {WINNER: {"stable": [BEFORE, THROUGH]}}
    (tmp_path / "channels.json").write_text(json.dumps(channels))
    again = betting_ai(account, "models", "publish", BETTING_AI_MODELS=str(tmp_path))
    code, line = said(again)
    assert code == 1
    assert "close.onnx is missing" in line
    assert account.shelf.channels()[WINNER] == {"stable": [BEFORE]}
    assert not account.shelf.objects.names(f"{WINNER}/{THROUGH}/")


def test_a_candidate_that_is_broken_holds_up_no_other(account: Account, app: App) -> None:
    content = b"Div,Date,HomeTeam,AwayTeam,FTHG,FTAG,FTR\nE0,16/08/2024,Fulham,Leeds,1,0,H\n"
    came = datetime(2025, 3, 15, 7, tzinfo=UTC)
    season = Payload("football_data", "2425/E0.csv", PayloadKind.SEASON, content, came, "E0", 2024)
    app.raw.put(content)
    app.inbox.announce(season)
    shelf = account.shelf
    shelf.put(WINNER, BEFORE, read_folder(MODELS / WINNER / BEFORE))
    shelf.put_in_channel(WINNER, BEFORE, "stable")
    for market in (WINNER, TOTALS):
        shelf.put(market, THROUGH, read_folder(MODELS / market / THROUGH), CANDIDATES)
    shelf.objects.write(f"{CANDIDATES}{WINNER}/{THROUGH}/close.onnx", b"half a graph")
    done = betting_ai(account, "models", "judge")
    broken, alone = done.stdout.splitlines()
    assert done.returncode == 1
    assert broken.startswith(f"{WINNER}/{THROUGH}: not promoted: ")
    assert "close.onnx" in broken
    assert alone == (
        f"{TOTALS}/{THROUGH}: not promoted: stable has no model of it to compare with; "
        "`models publish` puts the first there"
    )
    assert shelf.channels() == {WINNER: {"stable": [BEFORE]}}
    assert app.inbox.names(PayloadKind.FIGURES) == []
