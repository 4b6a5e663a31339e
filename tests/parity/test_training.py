"""Two trainings of one plan give the same files, byte for byte, in whatever process they ran."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.training.train import TrainingPlan, train
from conftest import FOOTBALL
from small_model import SMALL_TRAINERS, THROUGH, artifact, league

ELSEWHERE = """
import sys; sys.path.insert(0, {tests!r})
from parity.test_training import artifact, digests, on_real
import json; print(json.dumps(digests({how}())))
"""


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def on_real() -> dict[str, bytes]:
    facts = SeasonFolder(FOOTBALL).load(
        seasons=(2016, 2017, 2018, 2019), leagues=("E0", "E1", "I1")
    )
    plan = TrainingPlan(date(2020, 6, 30), seasons_held_out=1, trainers=SMALL_TRAINERS)
    return train(facts, {}, plan, lambda _what, _share: None)


def in_another_process(how: str) -> dict[str, str]:
    """Digests from a process that orders its sets differently."""
    ran = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.format(tests=str(Path(__file__).parents[1]), how=how)],
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def test_on_generated_matches() -> None:
    here = digests(artifact())
    assert here == in_another_process("artifact")
    assert len(here) == 9


@pytest.mark.shared
@pytest.mark.slow
def test_on_real_matches() -> None:
    assert digests(on_real()) == in_another_process("on_real")


def test_matches_after_the_last_day_are_not_looked_at() -> None:
    facts = league()
    past = facts.where(facts.season < 2022)
    assert len(past) < len(facts)
    plan = TrainingPlan(THROUGH, seasons_held_out=1, trainers=SMALL_TRAINERS)
    alone = train(past, {}, plan, lambda _what, _share: None)
    assert digests(alone) == digests(artifact())
