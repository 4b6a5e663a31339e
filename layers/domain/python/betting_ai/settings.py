"""What can be set from outside: ``BETTING_AI_*`` variables, and ``DATABASE_URL``.

Nothing is read at import time; `load_settings` reads once, at the edge.
"""

from __future__ import annotations

import os
import re
import sys
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, Literal

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
from betting_ai.domain.chains import Asset, check_address, find_chain
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


def _authorities(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _AUTHORITY.fullmatch(name):
            raise ValueError(f"{name!r} is no host; write it as example.org or example.org:8443")
    return names


def _profile(name: str) -> str:
    try:
        return Criteria.of(name).profile
    except InvalidInputError as error:
        raise ValueError(str(error)) from None


def _venues(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := set(names) - set(REAL_VENUES):
        raise ValueError(f"no venue {min(unknown)!r} takes real money; use stake or cloudbet")
    return names


def _stake_ranges(
    ranges: dict[str, tuple[Decimal, Decimal]],
) -> dict[str, tuple[Decimal, Decimal]]:
    if not all(0 < least <= most for least, most in ranges.values()):
        raise ValueError("a least stake is above 0 and not above the most")
    return ranges


_AUTHORITY: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")

REAL_VENUES: Final = ("stake", "cloudbet")
"""Venues that take real money, off unless named in ``real_venues``."""


# What no mail program needs quotes for; nothing in it can end a header or an SMTP command.
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must be an e-mail address, such as me@example.org")
    return text


def _wallet_address(text: str | None) -> str | None:
    try:
        return None if text is None else check_address(text)
    except InvalidInputError as error:
        raise ValueError(str(error)) from None


def _wallet_addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        _wallet_address(text)
    return texts


def token_of(text: str) -> Asset:
    """A token as settings name it: ``97:USDT:0x337610d27c682E347C9cD60BD4b3b107C9d34dDd:18``.

    Raises:
        InvalidInputError: it is not of this form.
    """
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise InvalidInputError(f"{text!r} is no token; write it as chain:SYMBOL:0x...:decimals")
    chain = find_chain(int(found["chain"]))
    contract = check_address(found["contract"])
    return Asset(chain.id, found["symbol"], contract, int(found["decimals"]))


def _tokens(texts: tuple[str, ...]) -> tuple[str, ...]:
    try:
        for text in texts:
            token_of(text)
    except InvalidInputError as error:
        raise ValueError(str(error)) from None
    return texts


_TOKEN: Final = re.compile(
    r"(?P<chain>[0-9]{1,6}):(?P<symbol>[A-Za-z0-9]{1,12}):(?P<contract>0x[0-9a-fA-F]{40})"
    r":(?P<decimals>[0-9]|[1-6][0-9])"
)


def _urls(value: object) -> object:
    """Addresses that are secrets, one after the other."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        return tuple(SecretStr(one.strip()) for one in value.split(",") if one.strip())
    return value


def _blank_is_none(value: object) -> object:
    """A variable that is set to nothing is not set."""
    return None if value == "" else value


Codes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_codes)]
Address = Annotated[str, AfterValidator(_address)]
Key = Annotated[SecretStr | None, BeforeValidator(_blank_is_none)]
Name = Annotated[str | None, BeforeValidator(_blank_is_none)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_codes)]
Urls = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_urls)]
Wallet = Annotated[Name, AfterValidator(_wallet_address)]
Credits = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_blank_is_none)]


class Settings(BaseSettings):
    """Everything that differs between a laptop, a server and a Lambda.

    Attributes:
        home: local data (embedded database, raw payloads).
        database_url: PostgreSQL to use instead of the embedded one.
        database_auth: ``iam`` gives every connection a token of RDS in the place of a password.
        database_migrates: bring the schema up to date when the database is opened; not where a
            step of the deployment does so, and who connects may not.
        database_secret: names the managed secret of a user and password for ``database_url``.
        objects_bucket: S3 bucket of raw payloads and exports; a folder under ``home`` without.
        notes_table: DynamoDB table of notes; a folder under ``home`` without.
        once_table: DynamoDB table of what was done; notes without.
        secrets_id: names the managed secret that holds ``root_secret``.
        feed_secrets_id: names the managed secret that holds the keys of live feeds.
        models: folder of model artifacts.
        models_bucket: S3 bucket of model artifacts, in the place of the folder.
        site_url: where the season files and fixtures are fetched from.
        odds_api_url: of The Odds API.
        odds_api_key: its key; without one it is not asked.
        odds_api_regions: whose bookmakers it is asked for; each costs credits.
        odds_api_markets: which of its markets it is asked for; each costs credits.
        odds_api_daily_budget: most credits a UTC day; None for no limit beside the plan's.
        odds_api_monthly_budget: most credits a month.
        leagues: league codes to fetch and to bet on.
        bookmakers: book codes the bettor can use; empty for every named book but exchanges.
        bankroll: in units or currency.
        profile: ``strict`` or ``value``.
        channel: which promoted models to use.
        real_venues: venues with real money that bets may be placed at; none by default.
        stake_url: server that speaks the wire format of ``docs/venues/stake.md``; no default.
        stake_key: names the account there.
        stake_secret: signs the calls to it.
        cloudbet_url: of Cloudbet's API.
        cloudbet_key: its key, for prices and for bets; without one it is not asked.
        paper_delay: seconds from a paper bet to its decision.
        paper_drift: share by which the price moves against a paper bet.
        paper_rejects: share of paper bets that are refused for no reason.
        paper_stakes: least and most paper stake by book code; ``"*"`` is for all others.
        alerts: how people are told of a slate.
        alerts_file: mailbox file for ``file``; ``alerts.mbox`` under ``home`` by default.
        sns_topic: ARN of the topic for ``sns``.
        smtp_host: mail server for ``smtp``.
        smtp_port: its port; TLS from the start on 465, STARTTLS elsewhere.
        smtp_user: to log in with; needs a password.
        smtp_password: needs a user.
        smtp_from: the sender's address.
        smtp_to: the recipients' addresses.
        wallet_address: the wallet's, checksummed; without one nothing here asks a chain.
        wallet_network: ``mainnet`` or ``testnet``: which of BNB Smart Chain's two chains it is on.
        wallet_tokens: tokens beside the well-known ones, each ``chain:SYMBOL:contract:decimals``.
        wallet_watched: further addresses whose balances are kept.
        wallet_max_fee_gwei: above this price of gas no transfer is quoted; the signer's policy
            has its own ceilings.
        rpc_urls: endpoints of the wallet's chain; each may hold a key.
        rpc_secret: names the managed secret that holds them, as a list, in the place of these.
        intents_table: DynamoDB table of what is asked for; the signer's schema in the database
            without, and so for all of these tables.
        approvals_table: of second people's words.
        quotes_table: of what the chain says to an intent.
        signed_table: of what was signed.
        transfers_table: of what became of each, and of balances.
        root_secret: what signing secrets and cookies are derived from; made under ``home`` where
            it is not set.
        api_authorities: host names, with a port where it is not the usual one, that the API is
            called by; the local ones where none is set.
        api_origins: web origins whose pages may call the API (CORS); none by default.
        api_networks: networks that may call the API, such as ``10.0.0.0/8``; all by default.
        api_proxies: networks whose word on who calls (``X-Forwarded-For``) is believed.
        api_rate_limit: calls a minute of one key on one route.
        sentry_dsn: where unexpected errors are told; nowhere without it.
        log_level: of the server's log.
    """

    model_config = SettingsConfigDict(
        env_prefix="BETTING_AI_", frozen=True, extra="ignore", populate_by_name=True
    )

    home: Path = Field(default_factory=user_data_home)
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("database_url", "BETTING_AI_DATABASE_URL", "DATABASE_URL"),
    )
    database_auth: Literal["password", "iam"] = "password"
    database_migrates: bool = True
    database_secret: Name = None
    objects_bucket: Name = None
    notes_table: Name = None
    once_table: Name = None
    secrets_id: Name = None
    feed_secrets_id: Name = None
    models: Path = Field(default_factory=shipped_models)
    models_bucket: Name = None
    site_url: str = "https://www.football-data.co.uk"
    odds_api_url: str = "https://api.the-odds-api.com"
    odds_api_key: Key = None
    odds_api_regions: Codes = ("eu",)
    odds_api_markets: Codes = ("h2h", "totals")
    odds_api_daily_budget: Credits = None
    odds_api_monthly_budget: Credits = None
    leagues: Annotated[Codes, AfterValidator(_leagues)] = SEASON_FILE_LEAGUES
    bookmakers: Annotated[Codes, AfterValidator(_bookmakers)] = ()
    bankroll: Decimal = Field(default=Decimal(1000), gt=0)
    profile: Annotated[str, AfterValidator(_profile)] = "strict"
    channel: str = "stable"
    real_venues: Annotated[Codes, AfterValidator(_venues)] = ()
    stake_url: str | None = None
    stake_key: SecretStr | None = None
    stake_secret: SecretStr | None = None
    cloudbet_url: str = "https://sports-api.cloudbet.com"
    cloudbet_key: Key = None
    paper_delay: float = Field(default=5.0, ge=0, le=3600)
    paper_drift: Decimal = Field(default=Decimal("0.002"), ge=0, lt=1)
    paper_rejects: float = Field(default=0.02, ge=0, le=1)
    paper_stakes: Annotated[dict[str, tuple[Decimal, Decimal]], AfterValidator(_stake_ranges)] = (
        Field(default_factory=lambda: {"*": (Decimal("0.10"), Decimal(500))})
    )
    alerts: Literal["none", "console", "file", "smtp", "sns"] = "none"
    alerts_file: Path | None = None
    sns_topic: Name = None
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: Address | None = None
    smtp_to: Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_codes)] = ()
    wallet_address: Wallet = None
    wallet_network: Literal["mainnet", "testnet"] = "testnet"
    wallet_tokens: Annotated[Codes, AfterValidator(_tokens)] = ()
    wallet_watched: Annotated[Codes, AfterValidator(_wallet_addresses)] = ()
    wallet_max_fee_gwei: int = Field(default=10, ge=1, le=10_000)
    rpc_urls: Urls = ()
    rpc_secret: Name = None
    intents_table: Name = None
    approvals_table: Name = None
    quotes_table: Name = None
    signed_table: Name = None
    transfers_table: Name = None
    root_secret: Key = None
    api_authorities: Annotated[Codes, AfterValidator(_authorities)] = ()
    api_origins: Codes = ()
    api_networks: Networks = ()
    api_proxies: Networks = ()
    api_rate_limit: int = Field(default=120, ge=1)
    sentry_dsn: Key = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, with overrides.

    ``BETTING_AI_SECRETS`` may name a folder whose files are settings too, as container platforms
    hand secrets over: the file ``database_url`` or ``betting_ai_root_secret``. A variable goes
    before a file.

    Raises:
        InvalidInputError: a variable does not parse; the message names it and never its value.
    """
    folder = os.environ.get("BETTING_AI_SECRETS") or None
    if folder is not None and not Path(folder).is_dir():
        raise InvalidInputError("setting secrets: BETTING_AI_SECRETS names no folder")
    try:
        return Settings(_secrets_dir=folder, **overrides)  # type: ignore[arg-type, call-arg]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        parts = [str(part) for part in first["loc"] if "[" not in str(part)]  # pydantic's own words
        name = ".".join(parts) or "settings"
        told = first["msg"].removeprefix("Value error, ")
        raise InvalidInputError(f"setting {name}: {told[0].lower()}{told[1:]}") from None
