"""The composition root: the only place that names adapters."""

from __future__ import annotations

import fcntl
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from betting_ai.adapters.feeds.by_source import NormaliserBySource
from betting_ai.adapters.feeds.cloudbet.normaliser import CloudbetNormaliser
from betting_ai.adapters.feeds.contest_folder import ContestFolder, FolderFeeds, SportsNormaliser
from betting_ai.adapters.feeds.football_data.folder import FolderContents, FolderFeed, SeasonFolder
from betting_ai.adapters.feeds.memory import FeedMemory, FeedState
from betting_ai.adapters.feeds.odds_api.normaliser import OddsApiNormaliser
from betting_ai.adapters.feeds.resolver import TeamResolver, seed_aliases
from betting_ai.adapters.feeds.sample import SampleFeed
from betting_ai.adapters.local.model_store import FolderModelStore
from betting_ai.adapters.local.object_store import LocalObjectStore
from betting_ai.adapters.local.once import NotedOnce
from betting_ai.adapters.local.secrets import LocalSecrets
from betting_ai.clock import Clock, SystemClock
from betting_ai.domain.leagues import LEAGUES
from betting_ai.domain.sports import FOOTBALL, sport_of
from betting_ai.errors import (
    ExtraMissingError,
    InvalidInputError,
    ModelMissingError,
    VenueOffError,
    WalletOffError,
)
from betting_ai.models.frequency import BACKTEST, Frequency
from betting_ai.models.registry import KeepingRegistry, LastGoodRegistry, Registry
from betting_ai.ports.bets import PAPER, REAL
from betting_ai.ports.feeds import Feed, Payload
from betting_ai.ports.inbox import Inbox
from betting_ai.ports.model_store import ModelStore
from betting_ai.ports.notifier import Notifier
from betting_ai.ports.object_store import NoteStore, RawStore
from betting_ai.ports.once import Once
from betting_ai.ports.secrets import ROOT_SECRET, Secrets
from betting_ai.ports.unit_of_work import UnitOfWorkFactory
from betting_ai.ports.venue import Venue
from betting_ai.settings import REAL_VENUES, Settings
from betting_ai.usecases.ingest_raw import IngestCommand, IngestRaw
from betting_ai.usecases.kept_pasts import KeptPasts
from betting_ai.usecases.manage_keys import (
    CreateKey,
    FinishRotation,
    ListKeys,
    RevokeKey,
    RotateKey,
)
from betting_ai.usecases.place_bet import PlaceBet, ReconcileBets
from betting_ai.usecases.predict_event import PredictEvent
from betting_ai.usecases.prepare_data import PrepareData
from betting_ai.usecases.publish_slate import PublishSlate
from betting_ai.usecases.select_top3 import SelectTop3
from betting_ai.usecases.send_alerts import SendAlerts
from betting_ai.usecases.settle_picks import SettlePicks
from betting_ai.usecases.track_record import TrackRecord
from betting_ai.usecases.verify_record import VerifyRecord

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine

    from betting_ai.adapters.aws.object_store import S3Objects
    from betting_ai.adapters.sql.figures import Figures
    from betting_ai.adapters.sql.health import DatabaseHealth
    from betting_ai.domain.chains import Chain
    from betting_ai.ports.chain import ChainNodes
    from betting_ai.ports.transfers import TransferDesk
    from betting_ai.usecases.carry_transfers import CarryTransfers, Wallet
    from betting_ai.usecases.request_transfer import ReadTransfer, RequestTransfer

Setting = TypeVar("Setting")

_UPGRADE_WAITS: Final = 5  # seconds for a table that others use

_LIVE_FEEDS: Final = ("odds_api", "cloudbet")
"""Feeds of prices as they are now, each with a key of its own."""


@dataclass(frozen=True)
class App:
    """The use cases and feeds of one configuration; the database opens when first needed.

    Attributes:
        settings: what it is made from.
        clock: tells the present.
        pool: how many connections to hold, see `betting_ai.adapters.sql.engine.connect`.
    """

    settings: Settings
    clock: Clock
    _stack: ExitStack = field(repr=False)
    pool: Literal["single", "server"] = "single"
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @cached_property
    def registry(self) -> Registry:
        """The models."""
        if self.settings.models_bucket is None:
            return KeepingRegistry(FolderModelStore(self.settings.models))
        return LastGoodRegistry(self._managed_models)

    @cached_property
    def _managed_models(self) -> ModelStore:
        from betting_ai.adapters.aws.model_store import S3ModelStore  # noqa: PLC0415 - AWS alone

        bucket = _needed(self.settings.models_bucket, "models_bucket")
        return S3ModelStore(bucket, self.settings.home / "models")

    @property
    def units(self) -> UnitOfWorkFactory:
        """Transactions in the database."""
        from betting_ai.adapters.sql.unit_of_work import unit_of_work_factory  # noqa: PLC0415

        return unit_of_work_factory(self._engine)

    @property
    def _engine(self) -> Engine:
        with self._opening:  # of many threads that need it first, one opens it
            return self._opened

    @cached_property
    def _opened(self) -> Engine:
        from betting_ai.adapters.sql.database import open_database  # noqa: PLC0415

        opened = open_database(
            self._url,
            self.settings.home,
            pool=self.pool,
            password=self._password,
            migrates=self.settings.database_migrates,
        )
        return self._stack.enter_context(opened)

    @property
    def _url(self) -> str | None:
        given, managed = self.settings.database_url, self.settings.database_secret
        url = given.get_secret_value() if given else None
        if url is None or managed is None:
            return url
        from betting_ai.adapters.aws.database import with_login  # noqa: PLC0415 - AWS alone
        from betting_ai.adapters.aws.secrets import ManagedSecrets  # noqa: PLC0415

        return with_login(url, ManagedSecrets(managed))

    @property
    def _password(self) -> Callable[[URL], str] | None:
        """Makes tokens, for who has no other password or whose managed one is refused."""
        if self.settings.database_auth == "password" and self.settings.database_secret is None:
            return None
        from betting_ai.adapters.aws.database import token  # noqa: PLC0415 - AWS alone

        return token

    @cached_property
    def raw(self) -> RawStore:
        """Raw payloads."""
        if self.settings.objects_bucket is None:
            return self._folder
        from betting_ai.adapters.aws.object_store import S3RawStore  # noqa: PLC0415 - AWS alone

        return S3RawStore(self.objects)

    @cached_property
    def objects(self) -> S3Objects:
        """The bucket of payloads, announcements and exports.

        Raises:
            InvalidInputError: no bucket is set.
        """
        from betting_ai.adapters.aws.object_store import S3Objects  # noqa: PLC0415 - AWS alone

        return S3Objects(_needed(self.settings.objects_bucket, "objects_bucket"))

    @property
    def inbox(self) -> Inbox:
        """Where payloads are announced to who ingests them.

        Raises:
            InvalidInputError: no bucket is set: who fetches them here ingests them as well.
        """
        from betting_ai.adapters.aws.inbox import S3Inbox  # noqa: PLC0415 - AWS alone
        from betting_ai.adapters.aws.object_store import S3RawStore  # noqa: PLC0415

        return S3Inbox(S3RawStore(self.objects))

    @cached_property
    def notes(self) -> NoteStore:
        """What feeds remember, and what was done."""
        if self.settings.notes_table is None:
            return self._folder
        from betting_ai.adapters.aws.notes import DynamoNotes  # noqa: PLC0415 - AWS alone

        return DynamoNotes(self.settings.notes_table)

    @cached_property
    def _folder(self) -> LocalObjectStore:
        return LocalObjectStore(self.settings.home / "objects")

    @cached_property
    def once(self) -> Once:
        """Which alerts went out."""
        if self.settings.once_table is None:
            return NotedOnce(self.notes, "alert")
        from betting_ai.adapters.aws.once import DynamoOnce  # noqa: PLC0415 - AWS alone

        return DynamoOnce(self.settings.once_table, "alert")

    def within(self, context: object) -> None:
        """Say when this run of a Lambda ends at the latest: what it does once may be tried then."""
        if self.settings.once_table is not None:
            self.once.within(context)  # type: ignore[attr-defined]

    @cached_property
    def secrets(self) -> Secrets:
        """The secrets of this installation."""
        if self.settings.secrets_id is not None:
            from betting_ai.adapters.aws.secrets import ManagedSecrets  # noqa: PLC0415 - AWS alone

            return ManagedSecrets(self.settings.secrets_id)
        given = {ROOT_SECRET: self.settings.root_secret}
        return LocalSecrets(self.settings.home / "secrets", given)

    @property
    def create_key(self) -> CreateKey:
        """Makes application keys."""
        return CreateKey(self.units, self.secrets, self.clock)

    @property
    def list_keys(self) -> ListKeys:
        """Shows application keys."""
        return ListKeys(self.units)

    @property
    def rotate_key(self) -> RotateKey:
        """Gives application keys new secrets."""
        return RotateKey(self.units, self.secrets, self.clock)

    @property
    def finish_rotation(self) -> FinishRotation:
        """Ends the secrets that application keys had before."""
        return FinishRotation(self.units)

    @property
    def revoke_key(self) -> RevokeKey:
        """Ends application keys."""
        return RevokeKey(self.units, self.clock)

    @property
    def ingest(self) -> IngestRaw:
        """Stores payloads as facts."""
        normaliser = NormaliserBySource(
            {"odds_api": OddsApiNormaliser(), "cloudbet": CloudbetNormaliser()},
            otherwise=SportsNormaliser(),
        )
        return IngestRaw(self.units, self.raw, normaliser, TeamResolver(seed_aliases()))

    @property
    def prepare_data(self) -> PrepareData:
        """Ingests what a question needs."""
        return PrepareData(self.units, self.ingest, self.registry)

    @property
    def select_top3(self) -> SelectTop3:
        """Selects the day's bets."""
        return SelectTop3(self.units, self.registry, self.clock)

    @property
    def publish_slate(self) -> PublishSlate:
        """Publishes the slate of an instant, once."""
        return PublishSlate(self.units, self.select_top3, self.track_record)

    @property
    def bankroll(self) -> Decimal:
        """Of the open session, a real one where real venues are on; else as set."""
        return self._bankroll(REAL, PAPER)

    def _bankroll(self, *modes: str) -> Decimal:
        with self.units() as unit:
            sessions = [session for mode in modes if (session := unit.bets.current(mode))]
        session = sessions[0] if sessions else None
        return session.bankroll if session and session.bankroll > 0 else self.settings.bankroll

    def place_bet(self, venue: str) -> PlaceBet:
        """Places bets at a venue."""
        resolver = TeamResolver(seed_aliases())
        return PlaceBet(self.units, self.venue(venue), resolver, self.clock)

    @property
    def reconcile_bets(self) -> ReconcileBets:
        """Asks venues about bets in doubt."""
        return ReconcileBets(self.units, self.venue, self.clock)

    @property
    def settle_picks(self) -> SettlePicks:
        """Settles picks and bets."""
        return SettlePicks(self.units)

    @property
    def verify_record(self) -> VerifyRecord:
        """Proves the record."""
        return VerifyRecord(self.units)

    @property
    def track_record(self) -> TrackRecord:
        """What the record amounts to."""
        return TrackRecord(self.units)

    @property
    def predict_event(self) -> PredictEvent:
        """Predicts one event."""
        return PredictEvent(self.units, self.registry, self._pasts)

    @cached_property
    def _pasts(self) -> KeptPasts:
        return KeptPasts()

    @property
    def send_alerts(self) -> SendAlerts:
        """Tells people of a slate.

        Raises:
            InvalidInputError: as `notifier`.
        """
        return SendAlerts(self.notifier, self.once)

    @property
    def notifier(self) -> Notifier:
        """How people are told.

        Raises:
            InvalidInputError: no way is set up, or not in full.
        """
        from betting_ai.adapters.local.notifiers import (  # noqa: PLC0415 - slow to import
            ConsoleNotifier,
            FileNotifier,
            SmtpNotifier,
        )

        told = self.settings
        match told.alerts:
            case "none":
                raise InvalidInputError(
                    "no alerts are set up; set BETTING_AI_ALERTS to console, file, smtp or sns"
                )
            case "console":
                return ConsoleNotifier(sys.stderr)
            case "file":
                return FileNotifier(told.alerts_file or told.home / "alerts.mbox", self.clock)
            case "sns":
                from betting_ai.adapters.aws.notifier import SnsNotifier  # noqa: PLC0415 - AWS alone

                return SnsNotifier(_needed(told.sns_topic, "sns_topic"))
        if not (told.smtp_host and told.smtp_from and told.smtp_to):
            raise InvalidInputError(
                "alerts by e-mail need BETTING_AI_SMTP_HOST, BETTING_AI_SMTP_FROM and "
                "BETTING_AI_SMTP_TO"
            )
        if (told.smtp_user is None) != (told.smtp_password is None):
            raise InvalidInputError(
                "BETTING_AI_SMTP_USER and BETTING_AI_SMTP_PASSWORD go together: set both, or none"
            )
        return SmtpNotifier(
            host=told.smtp_host,
            port=told.smtp_port,
            sender=told.smtp_from,
            recipients=told.smtp_to,
            clock=self.clock,
            user=told.smtp_user,
            password=told.smtp_password,
        )

    @property
    def frequency(self) -> Frequency | None:
        """Picks a month in the last backtest: the user's own, else the one the models came with.

        Raises:
            ModelError: what is kept of it cannot be read.
        """
        shipped = self.registry.store
        for store in (FolderModelStore(self.settings.home / "backtest"), shipped):
            try:
                return Frequency.from_json(store.read(BACKTEST))
            except ModelMissingError:
                continue
        return None

    @property
    def sample(self) -> Feed:
        """Real matches of another year, for a first look."""
        return SampleFeed(self.clock)

    @property
    def site_name(self) -> str:
        """The site's host, as shown to people."""
        return (urlsplit(self.settings.site_url).hostname or "").removeprefix("www.")

    def folder(self, path: Path) -> Feed:
        """Season files and fixtures in a folder."""
        return FolderFeeds(path, self.clock, FolderFeed(path, self.clock))

    def seasons_in(self, path: Path, leagues: Collection[str]) -> list[int]:
        """The seasons that a folder has files of."""
        files = _season_files(path, sport_of(leagues)).find(leagues=leagues or None)
        return sorted({file.season for file in files})

    def leagues_in(self, path: Path, leagues: Collection[str]) -> tuple[str, ...]:
        """Those of some leagues that a folder has season files of."""
        files = _season_files(path, sport_of(leagues)).find(leagues=leagues or None)
        found = {file.league for file in files}
        return tuple(code for code in LEAGUES if code in found)

    def matches_in(
        self,
        path: Path,
        since: int | None = None,
        until: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        sport: str = FOOTBALL,
    ) -> FolderContents:
        """The matches of a sport's season files in a folder, of some seasons (both included)."""
        files = _season_files(path, sport)
        seasons = {
            file.season
            for file in files.find()
            if (since is None or file.season >= since) and (until is None or file.season <= until)
        }
        return files.read(seasons, progress=progress)

    def digests_in(self, path: Path, before: int, sport: str = FOOTBALL) -> dict[str, str]:
        """``"E0/2024"`` -> SHA-256 of each season file of seasons before one."""
        files = [file for file in _season_files(path, sport).find() if file.season < before]
        return {
            f"{file.league}/{file.season}": hashlib.sha256(file.path.read_bytes()).hexdigest()
            for file in files
        }

    def site(
        self, progress: Callable[[int, int], None] | None = None, *, patient: bool = True
    ) -> Feed:
        """Season files and fixtures on the site.

        Args:
            progress: told after each file how many are done, of how many.
            patient: try again after a failure; else only find out quickly whether it answers.
        """
        from betting_ai.adapters.feeds.football_data.site import (  # noqa: PLC0415 - slow to import
            SiteFeed,
            SiteLimits,
        )

        return SiteFeed(
            self.settings.site_url,
            raw=self.raw,
            notes=self.notes,
            clock=self.clock,
            limits=SiteLimits() if patient else SiteLimits(attempts=1, timeout=3.0),
            progress=progress,
        )

    def venue(self, name: str = "paper") -> Venue:
        """Where bets are placed.

        Raises:
            InvalidInputError: there is no such venue, or a setting that it needs is missing.
            VenueOffError: it takes real money and is not switched on.
        """
        if name not in ("paper", *REAL_VENUES):
            raise InvalidInputError(f"no venue {name!r}; use paper, {' or '.join(REAL_VENUES)}")
        if name in REAL_VENUES and name not in self.settings.real_venues:
            raise VenueOffError(
                f"{name} takes real money and is off; BETTING_AI_REAL_VENUES={name} switches it on"
            )
        match name:
            case "stake":
                return self._stake
            case "cloudbet":
                return self._cloudbet
        return self._paper()

    def _paper(self) -> Venue:
        from betting_ai.adapters.venues.paper import (  # noqa: PLC0415 - few commands bet
            PaperRules,
            PaperVenue,
        )
        from betting_ai.adapters.venues.stored_offers import StoredOffers  # noqa: PLC0415

        rules = PaperRules(
            bankroll=self._bankroll(PAPER),
            delay=timedelta(seconds=self.settings.paper_delay),
            drift=self.settings.paper_drift,
            rejects=self.settings.paper_rejects,
            stakes=self.settings.paper_stakes,
        )
        return PaperVenue(self._engine, StoredOffers(self._engine), self.clock, rules)

    @cached_property
    def _stake(self) -> Venue:
        from betting_ai.adapters.venues.stake import StakeKey, StakeVenue  # noqa: PLC0415

        url = _needed(self.settings.stake_url, "stake_url")
        key = _needed(self.settings.stake_key, "stake_key")
        secret = _needed(self.settings.stake_secret, "stake_secret")
        venue = StakeVenue(url, StakeKey(key, secret), clock=self.clock)
        self._stack.callback(venue.close)
        return venue

    @cached_property
    def _cloudbet(self) -> Venue:
        from betting_ai.adapters.venues.cloudbet import CloudbetVenue  # noqa: PLC0415

        key = _needed(self.settings.cloudbet_key, "cloudbet_key")
        venue = CloudbetVenue(self.settings.cloudbet_url, key, clock=self.clock)
        self._stack.callback(venue.close)
        return venue

    @property
    def live_feeds(self) -> tuple[str, ...]:
        """Names of the live feeds that there is a key for."""
        return tuple(name for name in _LIVE_FEEDS if self._feed_key(name))

    def _feed_key(self, feed: str) -> SecretStr | None:
        """A live feed's key: as set, else as the managed secret of feeds has it at this moment."""
        name = f"{feed}_key"
        given: SecretStr | None = getattr(self.settings, name)
        if given is not None or self.settings.feed_secrets_id is None:
            return given
        from betting_ai.adapters.aws.secrets import ManagedSecrets  # noqa: PLC0415 - AWS alone

        held = ManagedSecrets(self.settings.feed_secrets_id).document().get(name)
        return SecretStr(str(held)) if held else None

    def live_feed(
        self, name: str, progress: Callable[[int, int], None] | None = None, *, patient: bool = True
    ) -> Feed:
        """A live feed.

        Args:
            name: ``"odds_api"`` or ``"cloudbet"``.
            progress: told after each answer how many are done, of how many.
            patient: try again after a failure; else a question is asked once.

        Raises:
            InvalidInputError: there is no such feed, no key for it, or a setting of it is wrong.
        """
        from betting_ai.adapters.feeds.api import (  # noqa: PLC0415 - slow to import
            ApiAddress,
            ApiLimits,
        )
        from betting_ai.adapters.feeds.cloudbet.feed import CloudbetFeed  # noqa: PLC0415
        from betting_ai.adapters.feeds.odds_api.feed import (  # noqa: PLC0415
            OddsApiFeed,
            OddsApiPlan,
        )

        settings = self.settings
        limits = ApiLimits() if patient else ApiLimits(attempts=1, timeout=10.0)
        key = self._feed_key(name) if name in _LIVE_FEEDS else None
        if name == "odds_api" and key:
            setting = "BETTING_AI_ODDS_API_KEY"
            return OddsApiFeed(
                ApiAddress("The Odds API", settings.odds_api_url, key, setting),
                plan=OddsApiPlan(
                    settings.odds_api_regions,
                    settings.odds_api_markets,
                    settings.odds_api_daily_budget,
                    settings.odds_api_monthly_budget,
                ),
                notes=self.notes,
                clock=self.clock,
                limits=limits,
                progress=progress,
            )
        if name == "cloudbet" and key:
            setting = "BETTING_AI_CLOUDBET_KEY"
            return CloudbetFeed(
                ApiAddress("Cloudbet", settings.cloudbet_url, key, setting),
                notes=self.notes,
                clock=self.clock,
                limits=limits,
                progress=progress,
            )
        raise InvalidInputError(
            f"{name} needs a key: set BETTING_AI_{name.upper()}_KEY (see docs/feeds.md)"
        )

    @property
    def wallet(self) -> Wallet:
        """The wallet, and what it may hold.

        Raises:
            WalletOffError: none is configured.
        """
        from betting_ai.domain.chains import (  # noqa: PLC0415 - few have a wallet
            default_assets,
            find_asset,
        )
        from betting_ai.domain.fees import FeeCeilings  # noqa: PLC0415
        from betting_ai.settings import token_of  # noqa: PLC0415
        from betting_ai.usecases.carry_transfers import MOST_GAS, Wallet  # noqa: PLC0415

        told = self.settings
        if told.wallet_address is None:
            raise WalletOffError("there is no wallet; BETTING_AI_WALLET_ADDRESS names one")
        chain = self.wallet_chain
        tokens = (token_of(text) for text in told.wallet_tokens)
        known = tuple(find_asset(chain.id, symbol) for symbol in told.wallet_assets)
        assets = known or default_assets(chain.id)
        assets += tuple(t for t in tokens if t.chain_id == chain.id)
        price = told.wallet_max_fee_gwei * 10**9
        return Wallet(
            told.wallet_address,
            assets,
            told.wallet_watched,
            FeeCeilings(price, price, MOST_GAS, share_bps=10_000),
        )

    @property
    def wallet_chain(self) -> Chain:
        """The chain that the wallet is on."""
        from betting_ai.domain.chains import BSC, BSC_TESTNET  # noqa: PLC0415

        return BSC_TESTNET if self.settings.wallet_network == "testnet" else BSC

    @cached_property
    def chain_nodes(self) -> ChainNodes:
        """The endpoints of the wallet's chain; none is asked yet.

        Raises:
            WalletOffError: there is no wallet, or no endpoint is configured.
            ExtraMissingError: the libraries of chains are not installed.
            InvalidInputError: an address of an endpoint is not usable; none is quoted.
            SecretError: the managed secret of endpoints cannot be used.
        """
        if self.settings.wallet_address is None:
            raise WalletOffError("there is no wallet; BETTING_AI_WALLET_ADDRESS names one")
        urls = self.settings.rpc_urls
        if self.settings.rpc_secret is not None:
            from betting_ai.adapters.aws.secrets import secret_list  # noqa: PLC0415 - AWS alone

            urls = secret_list(self.settings.rpc_secret)
        if not urls:
            raise WalletOffError(
                "the wallet's chain has no endpoint; BETTING_AI_RPC_URLS names some"
            )
        try:
            from betting_ai.adapters.chain.nodes import EvmNodes  # noqa: PLC0415 - slow to import
        except ModuleNotFoundError:
            raise ExtraMissingError(
                "asking a blockchain needs more libraries; install betting-ai[chain]"
            ) from None
        nodes = EvmNodes(self.wallet_chain.id, urls, self.clock)
        self._stack.callback(nodes.close)
        return nodes

    @cached_property
    def transfer_desk(self) -> TransferDesk:
        """Intents, quotes and what became of transfers: DynamoDB, else the signer's schema.

        Raises:
            WalletOffError: there is no wallet.
            InvalidInputError: a table is not named.
        """
        from betting_ai.adapters.wallet.desk import WalletDesk  # noqa: PLC0415 - few have a wallet

        if self.settings.wallet_address is None:
            raise WalletOffError("there is no wallet; BETTING_AI_WALLET_ADDRESS names one")
        rows = self.wallet_rows("betting_broadcaster")
        return WalletDesk(rows, self.settings.wallet_address, self.wallet_chain.id, self.clock)

    @cached_property
    def wallet_reading(self) -> TransferDesk:
        """As `transfer_desk`, for who asks for transfers and reads what became of them.

        Raises:
            WalletOffError: there is no wallet.
            InvalidInputError: a table is not named.
        """
        from betting_ai.adapters.wallet.desk import WalletDesk  # noqa: PLC0415 - few have a wallet

        rows = self._requester_rows
        return WalletDesk(rows, self.wallet.address, self.wallet_chain.id, self.clock)

    @cached_property
    def _requester_rows(self) -> Any:  # noqa: ANN401 - of either store
        return self.wallet_rows("betting_requester")

    @property
    def read_transfer(self) -> ReadTransfer:
        """Tells what became of a transfer.

        Raises:
            WalletOffError: there is no wallet.
        """
        from betting_ai.usecases.request_transfer import ReadTransfer  # noqa: PLC0415

        return ReadTransfer(self.wallet_reading, self.wallet, self.clock)

    @property
    def request_transfer(self) -> RequestTransfer:
        """Asks for transfers.

        Raises:
            WalletOffError: there is no wallet, or nobody may ask.
            SecretError: what requests are stamped with cannot be used.
        """
        from betting_ai.adapters.wallet import wishes  # noqa: PLC0415 - few have a wallet
        from betting_ai.usecases.request_transfer import RequestTransfer  # noqa: PLC0415

        wallet, told = self.wallet, self.settings
        if told.requesters_secret is not None:
            from betting_ai.adapters.aws.secrets import ManagedSecrets  # noqa: PLC0415 - AWS alone

            text = json.dumps(ManagedSecrets(told.requesters_secret).document())
        elif told.requesters_file is not None:
            text = wishes.private_file(told.requesters_file)
        else:
            raise WalletOffError(
                "transfers are not switched on here; BETTING_AI_REQUESTERS_FILE does so"
            )
        secret = wishes.secret_in(text, told.requester)
        stamped = wishes.StampedWishes(self._requester_rows, told.requester, secret)
        return RequestTransfer(stamped, wallet, self.clock)

    def wallet_rows(self, role: str) -> Any:  # noqa: ANN401 - of either store
        """The signer's tables, as one of the roles of its schema may use them.

        On AWS the role is whoever asks: its own credentials say what it may.

        Raises:
            WalletOffError: there is no wallet.
            InvalidInputError: a table is not named.
        """
        if self.settings.wallet_address is None:
            raise WalletOffError("there is no wallet; BETTING_AI_WALLET_ADDRESS names one")
        return self._managed_rows() if self.settings.transfers_table else self._own_rows(role)

    def _managed_rows(self) -> Any:  # noqa: ANN401 - of either store
        from betting_ai.adapters.aws.clients import client  # noqa: PLC0415 - AWS alone
        from betting_ai.adapters.wallet.dynamo import DynamoRows  # noqa: PLC0415
        from betting_signer.dynamo import Tables  # noqa: PLC0415

        told = self.settings
        tables = Tables(
            intents=_needed(told.intents_table, "intents_table"),
            approvals=told.approvals_table or "",
            quotes=told.quotes_table or "",
            signed=_needed(told.signed_table, "signed_table"),
            signer=told.signer_table or "",  # which few may read
        )
        transfers = _needed(told.transfers_table, "transfers_table")
        return DynamoRows(client("dynamodb"), tables, transfers)

    def _own_rows(self, role: str) -> Any:  # noqa: ANN401 - of either store
        from betting_ai.adapters.wallet.postgres import PostgresRows, connecting  # noqa: PLC0415

        rows = PostgresRows(connecting(self._wallet_url, role))
        self._stack.callback(rows.close)
        return rows

    def make_wallet_schema(self) -> None:
        """Make the signer's schema and roles where they are not there yet.

        Raises:
            StorageUnavailableError: whoever the database's address names may not.
        """
        from betting_ai.adapters.wallet.postgres import make_schema  # noqa: PLC0415

        make_schema(self._wallet_url)

    @property
    def _wallet_url(self) -> str:
        _ = self._engine  # an embedded server runs as long as its pool is open
        if self._url is not None:
            return self._url
        from betting_ai.adapters.local.postgres import EmbeddedPostgres  # noqa: PLC0415 - not in AWS

        return EmbeddedPostgres(self.settings.home).url()

    @property
    def carry_transfers(self) -> CarryTransfers:
        """Carries transfers from the wish to the receipt.

        Raises:
            WalletOffError: there is no wallet, or no endpoint.
            ExtraMissingError: the libraries of chains are not installed.
        """
        from betting_ai.usecases.carry_transfers import CarryTransfers  # noqa: PLC0415

        announce = self._ingest_now if self.settings.objects_bucket is None else self.announce
        return CarryTransfers(
            self.transfer_desk, self.chain_nodes, self.clock, self.wallet, announce
        )

    def _ingest_now(self, payload: Payload) -> None:
        self.ingest(IngestCommand((payload,)))

    def announce(self, payload: Payload) -> None:
        """Keep a payload's bytes, and tell of it to who ingests it."""
        self.raw.put(payload.content)
        self.inbox.announce(payload)

    def feed_states(self) -> dict[str, FeedState]:
        """What is remembered of each live feed: its quota, and how often it failed of late."""
        return {name: FeedMemory(name, self.notes, self.clock).state() for name in _LIVE_FEEDS}

    def examine_database(self) -> tuple[str, DatabaseHealth | None]:
        """Where the database is, and how it is; None where there is none yet.

        Raises:
            DatabaseUnavailableError: it is there, but cannot be reached.
        """
        from betting_ai.adapters.sql.database import reach_database  # noqa: PLC0415
        from betting_ai.adapters.sql.health import examine  # noqa: PLC0415

        if self._url is None:
            from betting_ai.adapters.local.postgres import EmbeddedPostgres  # noqa: PLC0415 - not in AWS

            server = EmbeddedPostgres(self.settings.home)
            if not server.exists:
                return f"embedded, in {server.location}, made when first needed", None
            where = f"embedded, PostgreSQL {server.version} in {server.location}"
        else:
            where = "the one that DATABASE_URL names"
        with reach_database(self._url, self.settings.home, password=self._password) as engine:
            return where, examine(engine, self.clock.now())

    def upgrade_database(self) -> dict[str, Any]:
        """Bring schema, reference data and the functions' roles to what this version needs.

        A schema of a later version is left as it is: migrations only add, so that an earlier
        version can be deployed again.

        Raises:
            DatabaseUnavailableError: it cannot be reached, or a table was in use for too long;
                nothing was changed.
        """
        from betting_ai.adapters.sql.database import reach_database  # noqa: PLC0415
        from betting_ai.adapters.sql.migrate import HEAD, current_revision, migrate  # noqa: PLC0415
        from betting_ai.adapters.sql.reference import ensure_reference_data  # noqa: PLC0415
        from betting_ai.adapters.sql.roles import ROLES, ensure_roles  # noqa: PLC0415

        with reach_database(self._url, self.settings.home, password=self._password) as engine:
            before = current_revision(engine)
            if before is not None and before > HEAD:
                return {"revision_before": before, "revision": before, "roles": {}}
            migrate(engine, lock_seconds=_UPGRADE_WAITS)
            with engine.begin() as connection:
                ensure_reference_data(connection)
                ensure_roles(connection)
        roles = {role.name: role.connections for role in ROLES}
        return {"revision_before": before, "revision": HEAD, "roles": roles}

    def figures(self, now: datetime, mode: str) -> Figures:
        """How the product stands, by slates of a mode.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        from betting_ai.adapters.sql.figures import read_figures  # noqa: PLC0415

        return read_figures(self._engine, now, mode)

    def database_health(self) -> DatabaseHealth:
        """How the database is, over its open connections; large tables are counted roughly.

        Raises:
            DatabaseUnavailableError: it cannot be reached.
        """
        from betting_ai.adapters.sql.health import examine  # noqa: PLC0415

        return examine(self._engine, self.clock.now(), exactly=False)

    def for_replay(self, clock: Clock) -> App:
        """The same over a database of its own, begun anew, with a paper venue that takes all.

        Args:
            clock: tells what counts as the present there.
        """
        from betting_ai.adapters.local.postgres import EmbeddedPostgres  # noqa: PLC0415 - as above

        home = self.settings.home / "replay"
        home.mkdir(parents=True, exist_ok=True)
        lock = self._stack.enter_context((home / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInputError(f"another replay is running in {home}") from None
        self._stack.enter_context(EmbeddedPostgres(home)).wipe()
        everything = {"*": (Decimal("0.01"), Decimal(10) ** 12)}
        own = {
            "home": home,
            "database_url": None,
            "paper_delay": 0.0,
            "paper_drift": Decimal(0),
            "paper_rejects": 0.0,
            "paper_stakes": everything,
        }
        return App(self.settings.model_copy(update=own), clock, self._stack)

    def for_sample(self) -> App:
        """The same over a database of its own, so that the sample never meets a live record."""
        own = {"home": self.settings.home / "sample", "database_url": None}
        return App(self.settings.model_copy(update=own), self.clock, self._stack, self.pool)


def _needed(setting: Setting | None, name: str) -> Setting:
    if setting is None:
        raise InvalidInputError(f"setting {name} is missing; set BETTING_AI_{name.upper()}")
    return setting


def _season_files(path: Path, sport: str) -> SeasonFolder | ContestFolder:
    return SeasonFolder(path) if sport == FOOTBALL else ContestFolder(path, sport)


def load_ahead(settings: Settings) -> None:
    """Load what is needed sooner or later, where waiting for it now costs the least."""
    if settings.database_url is not None:
        import betting_ai.adapters.sql.database  # noqa: PLC0415
        import betting_ai.adapters.sql.unit_of_work  # noqa: F401, PLC0415


@contextmanager
def build(
    settings: Settings,
    clock: Clock | None = None,
    *,
    pool: Literal["single", "server"] = "single",
) -> Iterator[App]:
    """The application while the block runs; what it opened is closed at the end."""
    with ExitStack() as stack:
        yield App(settings, clock or SystemClock(), stack, pool)
