"""Goals and counts of matches: a result that contradicts itself is no result."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import numpy.typing as npt

from betting_ai.adapters.feeds.football_data.columns import RESULT, STAT_COLUMNS
from betting_ai.adapters.feeds.football_data.table import Table
from betting_ai.features.facts import MISSING, Bools, Floats, Ints

_MOST: Final = 99  # of anything that is counted in a match


def results_of(table: Table, rows: Ints) -> tuple[Ints, Counter[str]]:
    """Counts of some rows, and what had to be dropped.

    Args:
        table: the file.
        rows: (n,) which rows.

    Returns:
        (n, 14) counts in the order of `betting_ai.features.facts.STATS`, all `MISSING` in rows
        without a result; and how many results or half-time scores were dropped, by reason.
    """
    raw = np.stack([table.numbers(*names)[rows] for names in STAT_COLUMNS], axis=1)
    counts = np.where(_countable(raw), raw, MISSING).astype(np.int64)
    given = ~np.isnan(raw[:, :2]).all(axis=1)
    result = (counts[:, :2] >= 0).all(axis=1)
    said = np.array(table.text(*RESULT), dtype=object)[rows]
    winner = np.array(["A", "D", "H"], dtype=object)[np.sign(counts[:, 0] - counts[:, 1]) + 1]
    contradicted = result & (said != "") & (said != winner)
    early = (counts[:, 2:4] > counts[:, :2]).any(axis=1) & result
    counts[early | (counts[:, 2:4] < 0).any(axis=1), 2:4] = MISSING
    counts[~result | contradicted] = MISSING
    dropped = Counter(
        goals_unreadable=_count(given & ~result),
        result_contradicts_goals=_count(contradicted),
        half_time_impossible=_count(early & ~contradicted),
    )
    return counts, +dropped


def _countable(values: Floats) -> Bools:
    finite = np.where(np.isfinite(values), values, MISSING)
    whole: Bools = (finite >= 0) & (finite <= _MOST) & (finite % 1 == 0)
    return whole


def _count(mask: npt.ArrayLike) -> int:
    return int(np.count_nonzero(mask))
