"""The time of day in a rehearsal, which lives through days that are long past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tls_database import Server

_IN_DATABASE = """
CREATE SCHEMA rehearsal;
GRANT USAGE ON SCHEMA rehearsal TO PUBLIC;
CREATE FUNCTION rehearsal.instant() RETURNS timestamptz LANGUAGE sql SECURITY DEFINER
    AS $$ SELECT pg_read_file('{file}')::timestamptz $$;
ALTER TABLE slates ALTER created_at SET DEFAULT rehearsal.instant();
"""


@dataclass(frozen=True)
class Clock:
    """What shows the time to who publishes slates and to the table that they are stored in.

    Both take the time from the machine that they run on, so the product knows nothing of this.

    Attributes:
        server: where slates are stored.
    """

    server: Server

    @property
    def file(self) -> Path:
        """What shows it; `watch/sitecustomize.py` reads it as well."""
        return self.server.folder / "clock"

    def hang(self) -> None:
        """Put it up in the database, once its tables are there."""
        self.server.run(_IN_DATABASE.format(file=self.file), "betting")

    def set(self, instant: datetime) -> None:
        """Show an instant from now on."""
        self.file.write_text(instant.isoformat())
        self.file.chmod(0o644)
