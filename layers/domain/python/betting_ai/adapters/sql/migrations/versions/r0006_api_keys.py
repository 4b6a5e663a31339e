"""What the API needs: rotation of keys, nonces that were used, and answers that were given."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns and make the tables."""
    op.add_column("api_keys", sa.Column("previous_token_hash", sa.LargeBinary(), nullable=True))
    op.add_column("api_keys", sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("api_keys_previous_check"),
        "api_keys",
        "previous_token_hash IS NULL OR length(previous_token_hash) = 32 AND generation > 1",
    )
    op.create_table(
        "api_nonces",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=("api_nonces_key_id_fkey")),
        sa.PrimaryKeyConstraint("key_id", "nonce", name=("api_nonces_pkey")),
    )
    op.create_index("api_nonces_expires_at_idx", "api_nonces", ["expires_at"])
    op.create_table(
        "api_calls",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=("api_calls_digest_check")),
        sa.CheckConstraint("status BETWEEN 200 AND 499", name=("api_calls_status_check")),
        sa.CheckConstraint(
            "num_nonnulls(status, headers, body) = CASE WHEN lease_until IS NULL THEN 3 ELSE 0 END",
            name=("api_calls_answer_check"),
        ),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=("api_calls_key_id_fkey")),
        sa.PrimaryKeyConstraint("key_id", "route", "idempotency_key", name=("api_calls_pkey")),
    )
    op.create_index("api_calls_expires_at_idx", "api_calls", ["expires_at"])
