"""How an event ended: a match that was given up or never begun is a result without a score."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Every result known so far was of a match that was completed."""
    op.add_column(
        "results", sa.Column("ending", sa.SmallInteger(), server_default="0", nullable=False)
    )
    op.create_check_constraint(
        op.f("results_ending_check"),
        "results",
        "ending BETWEEN 0 AND 2 AND (ending = 0 OR goals_home IS NULL)",
    )
