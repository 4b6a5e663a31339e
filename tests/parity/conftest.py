"""Parity through the database uses the same real PostgreSQL as the integration tests."""

from __future__ import annotations

from integration.conftest import administration, database_url, engine, postgres, template

__all__ = ["administration", "database_url", "engine", "postgres", "template"]
