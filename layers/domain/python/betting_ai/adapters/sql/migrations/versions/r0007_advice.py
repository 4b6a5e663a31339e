"""A pick whose price cannot be taken advises neither to bet nor to wait."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Such a pick is one of a sample, at the market's maximum."""
    op.drop_constraint(op.f("recommendations_advice_check"), "recommendations")
    op.create_check_constraint(
        op.f("recommendations_advice_check"),
        "recommendations",
        "advice IN ('bet', 'wait', 'none')",
    )
