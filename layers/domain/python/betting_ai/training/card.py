"""The model card: what a vintage is, and how it did on seasons it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from betting_ai.models.manifest import MEMBERS, Manifest

_TITLES = {
    "xgboost": "XGBoost",
    "random_forest": "random forest",
    "deep_rl": "deep RL",
    "bayesian": "Bayesian",
    "pool": "pool of the four",
    "pool_without_rl": "pool without RL",
    "ensemble": "ensemble `p`",
    "pick_price": "pick price `f`",
}

_CLAIMS = "| claimed EV | closing-line value | standard error, points |\n|---|---|---|\n"
_NO_CLOSES = (
    "Nobody knows: the prices of this market were kept once, before the match, so there is no\n"
    "close to judge a claim by. A pick would claim what cannot be shown: the gate is closed."
)


def card(manifest: Manifest) -> str:
    """Markdown for ``card.md``."""
    m = manifest.metrics
    weights = ", ".join(
        f"{_TITLES[name]} {weight:.0%}"
        for name, weight in zip(MEMBERS, manifest.weights, strict=True)
    )
    corrections = ", ".join(
        f"{_TITLES[name]} {weight:.2f}"
        for name, weight in zip(MEMBERS, manifest.pick_weights, strict=True)
    )
    rows = "\n".join(_row(name, m[name]) for name in _TITLES if name in m)
    rows_of_claims = "\n".join(
        f"| {100 * claim:+.1f} % | {100 * clv:+.1f} % | {100 * se:.1f} |"
        for claim, clv, se in zip(
            manifest.ev_map.claimed,
            manifest.ev_map.realised,
            manifest.ev_map.standard_errors,
            strict=True,
        )
    )
    claims = _CLAIMS + rows_of_claims if m["ev_map_candidates"] else _NO_CLOSES
    closes = m["pick_price"]["cross_entropy_difference"]["mean"] is not None
    learned_from = "results and closing prices" if closes else "results"
    why = "The members add nothing to the market" if closes else "There are no closes to learn from"
    stamp = f'\n**{why}: picks are stamped "market only".**\n'
    return f"""# Model {manifest.version} ({manifest.market})

Trained on {learned_from} through {manifest.trained_through}; settings chosen on seasons
through {manifest.tuned_through}. {m["rows"]} matches learned from, {m["history"]} in the history.
{stamp if manifest.market_only else ""}
## Out of sample

{m["matches"]} matches from {m["from"]} to {m["to"]}, each predicted by members trained only on
earlier seasons. Differences to the consensus of the pre-match prices (log-loss
{m["market_log_loss"]:.4f}) on the same matches, in 0.00001; below zero is better, standard error in
brackets. Against the fair close the noise is ten times smaller than against results.

| | against the fair close | against results |
|---|---|---|
{rows}

The pools, maps and confidence below were fitted on these same predictions, so the last two rows
flatter a little; the members' rows do not.

## How it is put together

- Linear pool: {weights}; temperature {1 / manifest.calibration.scales[0]:.3f}; weight against the
  market in `p` {manifest.pool_weight:.2f}.
- Corrections to the market in `f`: {corrections}.
- ONNX against the native libraries: largest difference {max(manifest.parity.values()):.1e}.

## What claims were worth

{claims}

Made with {", ".join(f"{name} {version}" for name, version in manifest.libraries.items())}.
"""


def _row(name: str, figures: Mapping[str, Any]) -> str:
    close, result = figures["cross_entropy_difference"], figures["log_loss_difference"]
    cells = (
        "-" if d["mean"] is None else f"{1e5 * d['mean']:+.1f} ({1e5 * d['se']:.1f})"
        for d in (close, result)
    )
    return f"| {_TITLES[name]} | {' | '.join(cells)} |"
