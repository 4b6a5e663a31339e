"""The paper venue's own record of what it took and refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table, and keep what it was told as it was first told."""
    op.create_table(
        "paper_bets",
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slip", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=True),
        sa.Column("stake", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("kickoff", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('accepted', 'refused')", name=("paper_bets_state_check")),
        sa.CheckConstraint(
            "(state = 'refused') = (reason IS NOT NULL)", name=("paper_bets_reason_check")
        ),
        sa.CheckConstraint(
            "(state = 'accepted') = (price IS NOT NULL)"
            " AND (price IS NULL) = (stake IS NULL) AND (price IS NULL) = (kickoff IS NULL)",
            name=("paper_bets_taken_check"),
        ),
        sa.CheckConstraint("price > 1", name=("paper_bets_price_check")),
        sa.CheckConstraint("stake > 0", name=("paper_bets_stake_check")),
        sa.PrimaryKeyConstraint("reference", name=("paper_bets_pkey")),
        sa.UniqueConstraint("number", name=("paper_bets_number_key")),
    )
    op.create_index("paper_bets_currency_kickoff_idx", "paper_bets", ["currency", "kickoff"])
    op.execute(
        "CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON paper_bets "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_facts()"
    )
