"""Which models, features and prices a slate was made of, as digests that anyone can recompute."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from betting_ai.usecases.assess_events import Assessment


def fingerprints(assessments: Sequence[Assessment]) -> dict[str, str]:
    """SHA-256, in hexadecimal, of what went into a slate; markets in the order given.

    Returns:
        ``model``: of the manifests, each of which names the digests of its files. ``features``: of
        the matrices, rows by event key, little-endian 32-bit floats. ``prices``: of one line per
        price that was heard, ``event key,book,seconds since the epoch,prices...``, sorted.
    """
    model, features, prices = (hashlib.sha256() for _ in range(3))
    for each in assessments:
        model.update(each.model.manifest.to_json().encode())
        keys = each.facts.event_id[each.features.market.rows]
        matrix = each.features.matrix[np.argsort(keys)].astype("<f4", order="C")
        features.update(matrix.tobytes())
        prices.update("\n".join(_lines(each)).encode())
    digests = {"model": model, "features": features, "prices": prices}
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _lines(each: Assessment) -> list[str]:
    view, books = each.features.market, each.facts.books
    events = each.facts.event_id[view.rows[view.quote_event]].tolist()
    told = zip(
        events,
        view.quote_book.tolist(),
        view.quoted_at.tolist(),
        view.gross.tolist(),
        strict=True,
    )
    return sorted(
        f"{event},{books[book]},{at},{','.join(f'{price:.4f}' for price in gross)}"
        for event, book, at, gross in told
    )
