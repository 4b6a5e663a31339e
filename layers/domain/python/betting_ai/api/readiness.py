"""Whether every part that requests need is in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from betting_ai.api.problems import told
from betting_ai.bootstrap import App
from betting_ai.domain.markets import MATCH_RESULT
from betting_ai.errors import DomainError, NothingToDoError
from betting_ai.usecases.words import span

OLD: Final = timedelta(hours=100)
"""Data older than this give no picks, whatever feed they are of."""

_NOTE: Final = "readiness"


@dataclass
class Readiness:
    """Looks at every part, each time it is called.

    Attributes:
        app: what is looked at.
        stopping: the process is about to end; nothing new should come.
    """

    app: App
    stopping: bool = False

    def __call__(self) -> dict[str, Any]:
        """``ready``, and each check with one line; JSON-ready."""
        checks = {
            "database": _check(self._database),
            "model": _check(self._model),
        }
        if self.app.settings.notes_table is None:  # a managed one has no disk to fill
            checks["storage"] = _check(self._storage)
        if self.stopping:
            checks["process"] = {"ok": False, "detail": "stopping"}
        ready = all(check["ok"] for check in checks.values())
        checks["data"] = _check(self._data) if checks["database"]["ok"] else checks["database"]
        return {"ready": ready, "checks": checks}

    def _database(self) -> str:
        with self.app.units() as unit:
            unit.listings.record_version()
        return "answers"

    def _model(self) -> str:
        channel = self.app.settings.channel
        model = self.app.registry.pick(MATCH_RESULT.name, channel, self.app.clock.now())
        return f"{model.manifest.market}/{model.manifest.version}"

    def _storage(self) -> str:
        self.app.notes.write(_NOTE, bytes(4096))
        return "can be written to"

    def _data(self) -> str:
        with self.app.units() as unit:
            came = unit.listings.newest_data()
        if came is None:
            raise NothingToDoError("nothing was ingested yet")
        age = self.app.clock.now() - came
        age_told = f"the newest are {span(age)} old"
        if age > OLD:
            raise NothingToDoError(age_told)
        return age_told


def _check(look: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": look()}
    except DomainError as error:
        return {"ok": False, "detail": told(error)}
    except OSError as error:
        return {"ok": False, "detail": f"cannot be written to: {error.strerror}"}
