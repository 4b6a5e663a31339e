"""The whole record as one document, so that anyone can recompute it (docs/record.md)."""

from __future__ import annotations

from typing import Any

from betting_ai.domain.record import canonical
from betting_ai.ports.unit_of_work import UnitOfWork


def as_document(unit: UnitOfWork) -> str:
    """Every chain as JSON: entries with the hash before them and their own."""
    chains: dict[str, list[dict[str, Any]]] = {}
    for link in unit.record.links():
        entry = {"entry": link.entry, "previous": link.previous, "hash": link.hash}
        chains.setdefault(link.chain, []).append(entry)
    lines = [
        f'"{chain}": [\n' + ",\n".join(canonical(entry) for entry in entries) + "\n]"
        for chain, entries in chains.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"
