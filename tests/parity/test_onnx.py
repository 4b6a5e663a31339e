"""ONNX says what the libraries that trained the members say: on 10,000 real rows and on edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnxruntime as ort
import pytest

from betting_ai.adapters.feeds.football_data.folder import SeasonFolder
from betting_ai.features.spec import NAMES, FeatureSpec, column
from betting_ai.models.manifest import ENSEMBLE, MEMBERS
from betting_ai.models.scorer import INPUT, WAIT, Scorer
from betting_ai.training.dataset import FIRST_CLOSES, Dataset, assemble, whole_history
from betting_ai.training.graph import GraphBuilder, float32_floor
from betting_ai.training.linear import LinearMove
from betting_ai.training.members import Member
from conftest import FOOTBALL
from small_league import seasons_of
from small_model import SMALL_TRAINERS

SPEC = FeatureSpec()
LIMIT = 1e-5


@dataclass(frozen=True)
class Trained:
    """Members, the rows they are judged on, and their graphs by file name."""

    data: Dataset
    members: Mapping[str, Member]
    graphs: Mapping[str, bytes]


def trained(data: Dataset, rows: np.ndarray | None = None) -> Trained:
    rows = np.arange(len(data)) if rows is None else rows
    linear = LinearMove.fit(data, rows)
    members = {trainer.name: trainer.train(data, rows, linear) for trainer in SMALL_TRAINERS}
    graphs, merged = {}, GraphBuilder()
    for name, member in members.items():
        alone = GraphBuilder()
        member.export(alone)
        graphs[f"{name}.onnx"] = alone.build(name, SPEC, data.betting)
        merged.prefix = f"{name}_"
        member.export(merged)
    return Trained(data, members, graphs | {ENSEMBLE: merged.build("ensemble", SPEC, data.betting)})


@pytest.fixture(scope="module")
def generated() -> Trained:
    facts = seasons_of(teams=16)
    return trained(assemble(facts, whole_history(facts, SPEC), SPEC, FIRST_CLOSES))


def alone(its: Trained, name: str, matrix: np.ndarray) -> np.ndarray:
    """One member's own graph, on one thread as the merged one."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        its.graphs[f"{name}.onnx"], options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run([name], {INPUT: matrix})[0])


def check(its: Trained, matrix: np.ndarray) -> None:
    scores = Scorer(its.graphs[ENSEMBLE]).score(matrix)
    for name, merged in zip(MEMBERS, scores.members, strict=True):
        native = its.members[name].predict(matrix)
        assert np.isfinite(native).all()
        assert np.abs(merged - native).max() <= LIMIT, name
        assert np.array_equal(merged, alone(its, name, matrix)), name
    _, wait = its.members["deep_rl"].q_values(matrix)  # type: ignore[attr-defined]
    assert np.abs(scores.wait - wait).max() <= LIMIT


def thresholds(its: Trained) -> list[tuple[int, np.float32]]:
    """(feature, threshold) of every split of both tree ensembles, as float32 inputs meet them."""
    found = []
    for name in ("xgboost", "random_forest"):
        for tree in its.members[name]._trees():  # type: ignore[attr-defined]
            inner = tree.left >= 0
            found += list(zip(tree.feature[inner].tolist(), tree.threshold[inner], strict=True))
    return found


def on_thresholds(its: Trained, rows: int) -> np.ndarray:
    """Real rows with one value each put on a threshold, and one float32 to either side of it."""
    random = np.random.default_rng(5)
    splits = [split for split in thresholds(its) if split[0] >= 3]  # not the base margin itself
    assert len(splits) > 10
    base = its.data.matrix[random.choice(len(its.data), rows)]
    matrix = np.repeat(base, 3, axis=0)
    for i in range(rows):
        feature, at = splits[random.integers(len(splits))]
        low, high = (np.nextafter(at, np.float32(side)) for side in (-np.inf, np.inf))
        matrix[3 * i : 3 * i + 3, feature] = low, at, high
    return matrix


def with_gaps(matrix: np.ndarray) -> np.ndarray:
    """The rows with values missing at random, but for those every model stands on."""
    gaps = np.random.default_rng(6).random(matrix.shape) < 0.3
    stays = [column(n) for n in NAMES if n.startswith(("log_q_", "strength_"))]
    gaps[:, stays] = False
    return np.where(gaps, np.float32(np.nan), matrix)


@pytest.mark.shared
@pytest.mark.slow
def test_ten_thousand_real_rows_also_on_thresholds_and_with_gaps() -> None:
    facts = SeasonFolder(FOOTBALL).load(seasons=(2021, 2022))
    real = trained(assemble(facts, whole_history(facts, SPEC), SPEC, FIRST_CLOSES))
    matrix = real.data.matrix[-10_000:]
    assert len(matrix) == 10_000
    assert 0.01 < np.isnan(matrix).mean() < 0.5
    check(real, matrix)
    check(real, on_thresholds(real, 2_000))
    check(real, with_gaps(real.data.matrix[:3_000]))


def test_generated_rows_on_thresholds_and_with_gaps(generated: Trained) -> None:
    check(generated, generated.data.matrix)
    check(generated, on_thresholds(generated, 500))
    check(generated, with_gaps(generated.data.matrix))


def test_one_row_and_many_give_the_same(generated: Trained) -> None:
    scorer, matrix = Scorer(generated.graphs[ENSEMBLE]), generated.data.matrix[:64]
    together = scorer.score(matrix)
    for i, row in enumerate(matrix):
        single = scorer.score(row[None])
        assert np.array_equal(single.members[:, 0], together.members[:, i], equal_nan=True)
        assert np.array_equal(single.wait[0], together.wait[i], equal_nan=True)


def test_graphs_of_other_members_would_be_noticed(generated: Trained) -> None:
    data = generated.data
    others = trained(data, np.arange(len(data) // 2))
    with pytest.raises(AssertionError):
        check(replace(generated, graphs=others.graphs), data.matrix)


def test_rounding_a_threshold_down_keeps_every_comparison() -> None:
    random = np.random.default_rng(9)
    exact = random.normal(size=5_000)
    floor = float32_floor(exact)
    for values in (exact.astype(np.float32), floor, np.nextafter(floor, np.float32(np.inf))):
        assert np.array_equal(values.astype(np.float64) <= exact, values <= floor)


def test_the_wait_value_is_an_output_of_the_merged_graph(generated: Trained) -> None:
    session = ort.InferenceSession(generated.graphs[ENSEMBLE], providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == [
        "xgboost", "random_forest", "deep_rl", WAIT, "bayesian",
    ]  # fmt: skip
    assert session.get_modelmeta().custom_metadata_map == {
        "market": "match_result", "spec_hash": SPEC.hash,
    }  # fmt: skip
