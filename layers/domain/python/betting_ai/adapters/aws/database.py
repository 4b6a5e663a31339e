"""How a database of RDS lets its users in."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL

from betting_ai.adapters.aws.clients import FAILURES, client, told
from betting_ai.adapters.aws.secrets import ManagedSecrets
from betting_ai.errors import DatabaseUnavailableError, SecretError


def token(address: URL) -> str:
    """A password for one new connection, good for 15 minutes; made here, without a call.

    Raises:
        DatabaseUnavailableError: there are no credentials to sign it with.
    """
    try:
        made: str = client("rds").generate_db_auth_token(
            DBHostname=address.host,
            Port=address.port,
            DBUsername=address.username,
            Region=os.environ.get("AWS_REGION"),
        )
    except FAILURES as error:
        raise DatabaseUnavailableError(f"no token for the database: {told(error)}") from error
    return made


def with_login(url: str, secret: ManagedSecrets) -> str:
    """An address with the user and the password that a secret of RDS holds.

    Raises:
        SecretError: it cannot be read, or is none of a database.
    """
    held: dict[str, Any] = secret.document()
    try:
        user, password = str(held["username"]), str(held["password"])
    except KeyError:
        raise SecretError("the managed secret is none of a database") from None
    whole = sa.make_url(url).set(username=user, password=password)
    return whole.render_as_string(hide_password=False)
