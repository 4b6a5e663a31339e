"""The published test vectors of signatures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from betting_ai.api.signatures import Authorities, Received

DOCUMENT = json.loads(
    (Path(__file__).parents[1] / "docs" / "signature-vectors.json").read_text(encoding="utf-8")
)
KEY_ID: str = DOCUMENT["key_id"]


@dataclass(frozen=True)
class Vector:
    """One of them."""

    told: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.told["name"])

    @property
    def good(self) -> bool:
        return bool(self.told["verdict"] == "accepted")

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.told["now"], UTC)

    @property
    def secrets(self) -> list[str]:
        return list(self.told["secrets"])

    @property
    def authorities(self) -> Authorities:
        return Authorities.of(self.told["authorities"])

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.told["request"]["headers"])

    @property
    def received(self) -> Received:
        request = self.told["request"]
        return Received(
            method=request["method"],
            path=request["path"],
            query=request["query"].encode(),
            headers=[(name.encode(), value.encode()) for name, value in request["headers"]],
            body=request["body"].encode(),
        )


VECTORS = [Vector(told) for told in DOCUMENT["vectors"]]
GOOD = [vector for vector in VECTORS if vector.good]
PLAIN = GOOD[0]
