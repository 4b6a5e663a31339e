"""The site's payloads of every kind to facts."""

from __future__ import annotations

from betting_ai.adapters.feeds.football_data.extra import parse_extra_file
from betting_ai.adapters.feeds.football_data.fixtures import parse_fixtures
from betting_ai.adapters.feeds.football_data.parser import parse_season_file
from betting_ai.errors import FeedError
from betting_ai.ports.feeds import NameResolver, Parsed, Payload, PayloadKind


class FootballDataNormaliser:
    """Reads season files, extra leagues and fixtures."""

    def parse(self, payload: Payload, resolve: NameResolver) -> Parsed:
        """The payload's facts; rows with a name that ``resolve`` doubts are refused and counted.

        Raises:
            NotTabularError: the bytes are not a file of matches.
            FeedError: the payload does not say which league or season it holds.
        """
        name, content, league = payload.name, payload.content, payload.league
        if payload.kind is PayloadKind.FIXTURES:
            seen_at = payload.snapshot_at or payload.received_at
            return parse_fixtures(content, name=name, resolve=resolve, seen_at=seen_at)
        if league is None:
            raise FeedError(f"{name} does not say which league it holds")
        if payload.kind is PayloadKind.EXTRA:
            return parse_extra_file(content, league=league, name=name)
        if payload.season is None:
            raise FeedError(f"{name} does not say which season it holds")
        return parse_season_file(content, league=league, season=payload.season, name=name)
