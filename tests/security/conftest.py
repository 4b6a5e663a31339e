"""The real PostgreSQL of the integration tests, here too."""

from __future__ import annotations

from integration.conftest import (
    administration,
    database_url,
    empty_url,
    engine,
    home,
    postgres,
    template,
)

__all__ = ["administration", "database_url", "empty_url", "engine", "home", "postgres", "template"]
