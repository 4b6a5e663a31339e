"""``wallet``: transfers of crypto money, behind a signer of its own."""

from __future__ import annotations

import typer

from betting_ai.cli.wallet_follow import follow

app = typer.Typer(help="Transfers of crypto money; off by default.", no_args_is_help=True)
app.command()(follow)
