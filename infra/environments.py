"""What differs between dev, stage and prod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Environment:
    """One deployment.

    Attributes:
        name: in stack names and tags.
        keep_data: whether buckets and databases outlive their stack.
    """

    name: str
    keep_data: bool


ENVIRONMENTS: Final = (
    Environment("dev", keep_data=False),
    Environment("stage", keep_data=True),
    Environment("prod", keep_data=True),
)
