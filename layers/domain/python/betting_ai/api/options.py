"""What differs between one application of the API and another, beside the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ApiOptions:
    """How an application is served.

    Attributes:
        mode: ``"server"`` (has ``/metrics``) or ``"lambda"``.
        authorities: hosts it answers to, with a port where it is not the usual one; where there
            is none, the names of this machine itself.
        keyless_dashboard: the dashboard asks for no key; only for a server that is bound to
            loopback.
        shows: slates of which mode, ``"live"`` ones or those of a replay.
    """

    mode: Literal["server", "lambda"] = "server"
    authorities: tuple[str, ...] = ()
    keyless_dashboard: bool = False
    shows: Literal["live", "replay"] = "live"
