"""What became of the wallet's transfers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table; nothing that was there changes."""
    op.create_table(
        "transfer_receipts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("chain_id", sa.Integer(), nullable=False),
        sa.Column("tx_hash", sa.Text(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("units", sa.Numeric(78, 0), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.Text(), nullable=True),
        sa.Column("gas_used", sa.BigInteger(), nullable=True),
        sa.Column("fee", sa.Numeric(78, 0), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.CheckConstraint(
            "state IN ('final', 'failed', 'replaced', 'expired')", name=("transfer_receipts_state_check")
        ),
        sa.CheckConstraint("tx_hash ~ '^0x[0-9a-f]{64}$'", name=("transfer_receipts_tx_hash_check")),
        sa.CheckConstraint("units > 0 AND fee >= 0", name=("transfer_receipts_units_check")),
        sa.CheckConstraint(
            "num_nonnulls(block_number, block_hash, gas_used, fee) IN (0, 4)",
            name=("transfer_receipts_block_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=("transfer_receipts_pkey")),
        sa.UniqueConstraint("intent_id", name=("transfer_receipts_intent_id_key")),
    )
    op.create_index("transfer_receipts_asked_at_idx", "transfer_receipts", ["asked_at"])
    op.create_index("transfer_receipts_tx_hash_idx", "transfer_receipts", ["tx_hash"])
    op.execute(
        "CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON transfer_receipts "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_facts()"
    )
