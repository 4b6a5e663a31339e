"""From the members' answers to the two probabilities the product shows: ``p`` and ``f``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from betting_ai.domain.probabilities import linear_pool, log_pool, pick_price
from betting_ai.features.facts import Floats
from betting_ai.models.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Judgement:
    """Probabilities of ``n`` events.

    Attributes:
        ensemble: (n, s) ``p``: the calibrated linear pool, pooled with the consensus.
        pick: (n, s) ``f``: what the fair close will be.
    """

    ensemble: Floats
    pick: Floats


def judge(consensus: Floats, members: Floats, manifest: Manifest) -> Judgement:
    """Pool the members with each other and with the market.

    Args:
        consensus: (n, s) ``q``.
        members: (4, n, s), NaN where a member did not answer.
        manifest: weights and calibration.
    """
    pool = manifest.calibration.apply(linear_pool(members, manifest.weights))
    share = manifest.pool_weight
    with np.errstate(divide="ignore"):
        logs = np.stack([np.log(pool), np.log(consensus)])
    ensemble = log_pool(logs, (share, 1.0 - share))
    return Judgement(ensemble, pick_price(consensus, members, manifest.pick_weights))
