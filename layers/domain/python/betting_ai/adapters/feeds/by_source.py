"""One normaliser for all feeds: each payload goes to its own feed's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from betting_ai.ports.feeds import NameResolver, Normaliser, Parsed, Payload


@dataclass(frozen=True)
class NormaliserBySource:
    """Chooses by the payload's source.

    Attributes:
        special: normalisers by feed name.
        otherwise: for all other feeds, which share the form of one site's files.
    """

    special: Mapping[str, Normaliser]
    otherwise: Normaliser

    def parse(self, payload: Payload, resolve: NameResolver) -> Parsed:
        """The payload's facts, by its own feed's normaliser.

        Raises:
            FeedError: the bytes are not what they should be.
        """
        return self.special.get(payload.source, self.otherwise).parse(payload, resolve)
