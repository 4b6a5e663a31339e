"""Manifests: canonical text there and back, and a clear refusal of any other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from betting_ai.errors import ModelChecksumError, ModelError, SpecMismatchError
from betting_ai.models.manifest import ENSEMBLE, MANIFEST, MEMBERS, WEIGHTS, Manifest
from small_model import artifact


def manifest() -> Manifest:
    return Manifest.from_json(artifact()[MANIFEST])


def changed(**values: object) -> str:
    return json.dumps(json.loads(artifact()[MANIFEST]) | values)


def test_there_and_back_is_the_same_text() -> None:
    text = artifact()[MANIFEST].decode()
    assert manifest().to_json() == text
    assert Manifest.from_json(manifest().to_json()) == manifest()


def test_the_four_members_carry_the_weights_of_the_design() -> None:
    assert dict(zip(MEMBERS, manifest().weights, strict=True)) == {
        "xgboost": 0.35,
        "random_forest": 0.25,
        "deep_rl": 0.25,
        "bayesian": 0.15,
    }
    assert sum(WEIGHTS) == pytest.approx(1.0)


def test_every_other_file_is_named_with_its_digest() -> None:
    files = artifact()
    assert set(manifest().files) == set(files) - {MANIFEST, "card.md"}
    for name in manifest().files:
        assert manifest().checked(name, files[name]) == files[name]


def test_a_changed_byte_is_noticed() -> None:
    content = bytearray(artifact()[ENSEMBLE])
    content[100] ^= 1
    with pytest.raises(ModelChecksumError, match=r"ensemble\.onnx"):
        manifest().checked(ENSEMBLE, bytes(content))
    with pytest.raises(ModelChecksumError):
        manifest().checked("other.onnx", b"")


def test_another_spec_is_refused_by_name() -> None:
    spec = json.loads(artifact()[MANIFEST])["spec"]
    for other in ({"elo_k": 19.0}, {"names": spec["names"][::-1]}, {"version": 99}):
        with pytest.raises(SpecMismatchError, match="train it again"):
            Manifest.from_json(changed(spec=spec | other, spec_hash="0" * 64))
    with pytest.raises(SpecMismatchError):
        Manifest.from_json(changed(spec=spec | {"elo_k": 19.0}))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\xfe", "[]", "{}", "null", changed(trained_through="yesterday"),
        changed(weights=None), changed(surprise=1), changed(risk={"s90": 0.0, "d90": 1.0}),
        changed(calibration={}),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(text: bytes | str) -> None:
    with pytest.raises(ModelError) as refusal:
        Manifest.from_json(text)
    assert "\n" not in str(refusal.value)


def test_numbers_that_json_cannot_hold_are_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(manifest(), pool_weight=float("nan")).to_json()
