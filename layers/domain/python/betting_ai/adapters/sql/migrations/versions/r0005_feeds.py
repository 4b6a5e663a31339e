"""Prices of live feeds are told from those of snapshots; a result may be completed, not changed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what live feeds need."""
    op.add_column("odds", sa.Column("live", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("DROP TRIGGER keep ON results")
    op.execute(
        "CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON results "
        "FOR EACH STATEMENT EXECUTE FUNCTION keep_facts()"
    )
    op.execute(COMPLETE)
    op.execute(
        "CREATE TRIGGER complete BEFORE UPDATE ON results "
        "FOR EACH ROW EXECUTE FUNCTION complete_facts()"
    )


# A live feed tells the score at once, the season file days later also shots, corners and cards.
COMPLETE = """
CREATE FUNCTION complete_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('betting_ai.maintenance', true) IS DISTINCT FROM 'on'
        AND NOT to_jsonb(NEW) @> jsonb_strip_nulls(to_jsonb(OLD)) THEN
        RAISE EXCEPTION '% is append-only: only what is missing can be added', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation',
                  HINT = 'SET LOCAL betting_ai.maintenance = ''on'' to repair it.';
    END IF;
    RETURN NEW;
END $$
"""
