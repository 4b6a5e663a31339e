"""The record settles: endings, settlements, money, restraints, and what protections stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables, and the words that recommendations and bets may have for how they stand."""
    op.create_table(
        "restraints",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("engaged", sa.Boolean(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'kill_switch') = (until IS NULL)", name=("restraints_until_check")
        ),
        sa.CheckConstraint("engaged OR kind = 'kill_switch'", name=("restraints_engaged_check")),
        sa.CheckConstraint(
            "kind IN ('cool_off', 'self_exclusion', 'kill_switch')", name=("restraints_kind_check")
        ),
        sa.CheckConstraint("mode IN ('paper', 'real')", name=("restraints_mode_check")),
        sa.PrimaryKeyConstraint("id", name=("restraints_pkey")),
    )
    op.create_index(("restraints_kind_id_idx"), "restraints", ["kind", "id"], unique=False)
    op.create_table(
        "event_endings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("goals_home", sa.SmallInteger(), nullable=True),
        sa.Column("goals_away", sa.SmallInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "ending <> 'finished' OR (goals_home IS NOT NULL AND goals_away IS NOT NULL)",
            name=("event_endings_finished_check"),
        ),
        sa.CheckConstraint(
            "ending IN ('finished', 'postponed', 'abandoned', 'cancelled', 'walkover', 'retired')",
            name=("event_endings_ending_check"),
        ),
        sa.CheckConstraint(
            "LEAST(goals_home, goals_away) >= 0", name=("event_endings_goals_check")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=("event_endings_event_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=("event_endings_pkey")),
    )
    op.create_index(("event_endings_event_id_idx"), "event_endings", ["event_id"], unique=False)
    op.create_index(
        ("event_endings_received_at_idx"), "event_endings", ["received_at"], unique=False
    )
    op.create_table(
        "violations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("stake", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("protection", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=("violations_event_id_fkey")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["betting_sessions.id"], name=("violations_session_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=("violations_pkey")),
    )
    op.create_index(
        ("violations_session_id_id_idx"), "violations", ["session_id", "id"], unique=False
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("bet_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('deposit', 'withdrawal')) = (bet_id IS NULL)", name=("ledger_bet_check")
        ),
        sa.CheckConstraint(
            "CASE kind WHEN 'deposit' THEN amount > 0 WHEN 'withdrawal' THEN amount < 0 WHEN 'stake' THEN amount < 0 WHEN 'refund' THEN amount > 0 WHEN 'payout' THEN amount >= 0 ELSE true END",
            name=("ledger_direction_check"),
        ),
        sa.CheckConstraint(
            "kind IN ('deposit', 'withdrawal', 'stake', 'refund', 'payout', 'correction')",
            name=("ledger_kind_check"),
        ),
        sa.ForeignKeyConstraint(["bet_id"], ["bets.id"], name=("ledger_bet_id_fkey")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["betting_sessions.id"], name=("ledger_session_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=("ledger_pkey")),
    )
    op.create_index(
        "ledger_once_key",
        "ledger",
        ["bet_id", "kind"],
        unique=True,
        postgresql_where="kind IN ('stake', 'refund', 'payout')",
    )
    op.create_index(("ledger_session_id_id_idx"), "ledger", ["session_id", "id"], unique=False)
    op.create_table(
        "settlements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("recommendation_id", sa.BigInteger(), nullable=True),
        sa.Column("bet_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("goals_home", sa.SmallInteger(), nullable=True),
        sa.Column("goals_away", sa.SmallInteger(), nullable=True),
        sa.Column("profit", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("clv", sa.Double(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "ending IN ('finished', 'postponed', 'abandoned', 'cancelled', 'walkover', 'retired')",
            name=("settlements_ending_check"),
        ),
        sa.CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name=("settlements_hash_check")),
        sa.CheckConstraint(
            "reason IN ('result', 'correction', 'no_result', 'venue')",
            name=("settlements_reason_check"),
        ),
        sa.CheckConstraint(
            "status IN ('won', 'lost', 'void', 'half_won', 'half_lost')",
            name=("settlements_status_check"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(recommendation_id, bet_id) = 1", name=("settlements_subject_check")
        ),
        sa.ForeignKeyConstraint(["bet_id"], ["bets.id"], name=("settlements_bet_id_fkey")),
        sa.ForeignKeyConstraint(
            ["recommendation_id"],
            ["recommendations.id"],
            name=("settlements_recommendation_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=("settlements_pkey")),
        sa.UniqueConstraint("hash", name=("settlements_hash_key")),
        sa.UniqueConstraint(
            "previous_hash",
            name=("settlements_previous_hash_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(("settlements_bet_id_idx"), "settlements", ["bet_id"], unique=False)
    op.create_index(
        ("settlements_recommendation_id_idx"), "settlements", ["recommendation_id"], unique=False
    )
    op.create_index(
        "betting_sessions_open_key",
        "betting_sessions",
        ["mode"],
        unique=True,
        postgresql_where="status = 'open'",
    )

    for table, allowed in STATUSES.items():
        op.drop_constraint((f"{table}_status_check"), table)
        words = ", ".join(map(repr, allowed))
        op.create_check_constraint((f"{table}_status_check"), table, f"status IN ({words})")
    op.alter_column("bets", "status", server_default="unknown")
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION keep_facts()"
        )


SETTLED = ("won", "lost", "void", "half_won", "half_lost")
STATUSES = {
    "recommendations": ("pending", "replaced", *SETTLED),
    "bets": ("unknown", "pending", "placed", "rejected", *SETTLED),
}
KEPT = ("event_endings", "settlements", "ledger", "restraints", "violations")
