"""Which model answers for a day: never one that was trained on it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from betting_ai.errors import (
    ModelChecksumError,
    ModelError,
    ModelMissingError,
    NoModelBeforeError,
    SpecMismatchError,
)
from betting_ai.features.spec import NAMES
from betting_ai.models.manifest import CHECKPOINT, ENSEMBLE, MANIFEST
from betting_ai.models.registry import CHANNELS, Registry
from betting_ai.models.scorer import Scorer
from small_model import MemoryStore, artifact

EARLY, LATE = date(2021, 6, 30), date(2022, 6, 30)


def files(*throughs: date, promoted: list[str] | None = None) -> dict[str, bytes]:
    names = [through.isoformat() for through in throughs]
    channels = {"match_result": {"stable": names if promoted is None else promoted}}
    found = {CHANNELS: json.dumps(channels).encode()}
    for through in throughs:
        for name, content in artifact(through).items():
            found[f"match_result/{through}/{name}"] = content
    return found


def registry(found: dict[str, bytes]) -> Registry:
    return Registry(MemoryStore(found))


def picked(found: dict[str, bytes], as_of: datetime, **options: bool) -> str:
    return registry(found).pick("match_result", "stable", as_of, **options).manifest.version


def test_the_newest_model_that_had_not_seen_the_day() -> None:
    both = files(LATE, EARLY)
    after = datetime(2022, 7, 1, tzinfo=UTC)
    assert picked(both, after) == "2022-06-30"
    assert picked(both, after + timedelta(days=900)) == "2022-06-30"
    assert picked(both, after - timedelta(seconds=1)) == "2021-06-30"
    assert picked(both, datetime(2021, 7, 1, tzinfo=UTC)) == "2021-06-30"


def test_a_day_that_every_model_has_seen_is_refused_unless_asked_for() -> None:
    both = files(LATE, EARLY)
    seen = datetime(2021, 6, 30, 23, 59, tzinfo=UTC)
    with pytest.raises(NoModelBeforeError, match="2021-06-30"):
        picked(both, seen)
    model = registry(both).pick("match_result", "stable", seen, allow_in_sample=True)
    assert (model.manifest.version, model.in_sample) == ("2021-06-30", True)
    fresh = registry(both).pick(
        "match_result", "stable", seen + timedelta(days=1), allow_in_sample=True
    )
    assert not fresh.in_sample


def test_only_promoted_models_answer() -> None:
    found = files(EARLY, LATE, promoted=["2021-06-30"])
    assert picked(found, datetime(2025, 1, 1, tzinfo=UTC)) == "2021-06-30"
    with pytest.raises(ModelMissingError):
        registry(found).pick("match_result", "beta", datetime(2025, 1, 1, tzinfo=UTC))
    with pytest.raises(ModelMissingError):
        picked(files(EARLY, promoted=[]), datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("channels", [b"", b"[]", b'{"match_result": []}', b"\xff"])
def test_a_list_of_channels_that_cannot_be_read(channels: bytes) -> None:
    with pytest.raises(ModelError):
        picked(files(EARLY) | {CHANNELS: channels}, datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", [ENSEMBLE, CHECKPOINT])
def test_every_file_is_checked_before_it_is_used(name: str) -> None:
    path, as_of = f"match_result/2021-06-30/{name}", datetime(2025, 1, 1, tzinfo=UTC)
    found = files(EARLY)
    with pytest.raises(ModelChecksumError, match=name):
        picked(found | {path: found[path] + b"."}, as_of)
    del found[path]
    with pytest.raises(ModelMissingError, match=name):
        picked(found, as_of)


def test_a_graph_that_does_not_load_is_one_line() -> None:
    found, path = files(EARLY), "match_result/2021-06-30/"
    manifest = json.loads(found[path + MANIFEST])
    manifest["files"][ENSEMBLE] = hashlib.sha256(b"not a graph").hexdigest()
    found |= {path + ENSEMBLE: b"not a graph", path + MANIFEST: json.dumps(manifest).encode()}
    with pytest.raises(ModelError, match="cannot be loaded") as refusal:
        picked(found, datetime(2025, 1, 1, tzinfo=UTC))
    assert "\n" not in str(refusal.value)


def test_a_model_of_another_spec_is_refused() -> None:
    found, path = files(EARLY), f"match_result/2021-06-30/{MANIFEST}"
    manifest = json.loads(found[path])
    manifest["spec"]["pi_gamma"] = 0.5
    with pytest.raises(SpecMismatchError):
        picked(found | {path: json.dumps(manifest).encode()}, datetime(2025, 1, 1, tzinfo=UTC))


def test_an_event_without_a_price_gets_no_answer_and_spoils_no_other() -> None:
    scorer = Scorer(artifact()[ENSEMBLE])
    matrix = np.full((3, len(NAMES)), np.nan, dtype=np.float32)
    matrix[1] = 0.1
    matrix[1, :3] = np.log([0.5, 0.3, 0.2])
    scores = scorer.score(matrix)
    assert np.isnan(scores.members[:, [0, 2]]).all()
    assert np.isnan(scores.wait[[0, 2]]).all()
    assert scores.members[:, 1].sum(axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    alone = scorer.score(matrix[1:2])
    assert np.array_equal(alone.members[:, 0], scores.members[:, 1])
    assert scorer.score(matrix[:0]).members.shape == (4, 0, 3)
