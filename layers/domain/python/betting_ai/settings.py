"""What can be set from outside: ``BETTING_AI_*`` variables, and ``DATABASE_URL``.

Nothing is read at import time; `load_settings` reads once, at the edge.
"""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from betting_ai.domain.books import find_bookmaker
from betting_ai.domain.leagues import SEASON_FILE_LEAGUES, find_league
from betting_ai.domain.slate import Criteria
from betting_ai.errors import InvalidInputError


def user_data_home() -> Path:
    """Where a person's data lies on this system (XDG on Linux, the usual places elsewhere)."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "betting-ai"


def shipped_models() -> Path:
    """The model artifacts beside the package: a checkout's ``model_artifacts``, or the layer's."""
    package = Path(__file__).resolve().parent
    for base in (*package.parents[:4], Path("/opt")):
        if (base / "model_artifacts").is_dir():
            return base / "model_artifacts"
    return package / "model_artifacts"


def _codes(value: object) -> object:
    """``"E0,SP1"`` as well as a sequence."""
    if isinstance(value, str):
        return tuple(code.strip() for code in value.split(",") if code.strip())
    return value


def _leagues(codes: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(find_league(code).code for code in codes)
    except InvalidInputError as error:
        raise ValueError(str(error)) from None


def _bookmakers(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if find_bookmaker(name) is None]
    if unknown:
        raise ValueError(f"no bookmaker {unknown[0]!r}")
    return tuple(book.code for name in names if (book := find_bookmaker(name)))


def _profile(name: str) -> str:
    try:
        return Criteria.of(name).profile
    except InvalidInputError as error:
        raise ValueError(str(error)) from None


Codes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_codes)]


class Settings(BaseSettings):
    """Everything that differs between a laptop, a server and a Lambda.

    Attributes:
        home: local data (embedded database, raw payloads).
        database_url: PostgreSQL to use instead of the embedded one.
        models: folder of model artifacts.
        site_url: where the season files and fixtures are fetched from.
        leagues: league codes to fetch and to bet on.
        bookmakers: book codes the bettor can use; empty for every named book but exchanges.
        bankroll: in units or currency.
        profile: ``strict`` or ``value``.
        channel: which promoted models to use.
    """

    model_config = SettingsConfigDict(
        env_prefix="BETTING_AI_", frozen=True, extra="ignore", populate_by_name=True
    )

    home: Path = Field(default_factory=user_data_home)
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("database_url", "BETTING_AI_DATABASE_URL", "DATABASE_URL"),
    )
    models: Path = Field(default_factory=shipped_models)
    site_url: str = "https://www.football-data.co.uk"
    leagues: Annotated[Codes, AfterValidator(_leagues)] = SEASON_FILE_LEAGUES
    bookmakers: Annotated[Codes, AfterValidator(_bookmakers)] = ()
    bankroll: Decimal = Field(default=Decimal(1000), gt=0)
    profile: Annotated[str, AfterValidator(_profile)] = "strict"
    channel: str = "stable"


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, with overrides.

    Raises:
        InvalidInputError: a variable does not parse; the message names it and never its value.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        told = first["msg"].removeprefix("Value error, ")
        raise InvalidInputError(f"setting {name}: {told[0].lower()}{told[1:]}") from None
