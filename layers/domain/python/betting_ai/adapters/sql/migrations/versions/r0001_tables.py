"""All tables, and the triggers that keep what was told as it was first told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the schema."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("generation", sa.SmallInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'bet', 'transfer']::text[]", name=("api_keys_scopes_check")
        ),
        sa.CheckConstraint("generation > 0", name=("api_keys_generation_check")),
        sa.CheckConstraint("length(token_hash) = 32", name=("api_keys_token_hash_check")),
        sa.PrimaryKeyConstraint("id", name=("api_keys_pkey")),
        sa.UniqueConstraint("token_hash", name=("api_keys_token_hash_key")),
    )
    op.create_table(
        "betting_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("starting_bankroll", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("bankroll", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("limits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'open') = (ended_at IS NULL)", name=("betting_sessions_closed_check")
        ),
        sa.CheckConstraint("mode IN ('paper', 'real')", name=("betting_sessions_mode_check")),
        sa.CheckConstraint("status IN ('open', 'closed')", name=("betting_sessions_status_check")),
        sa.CheckConstraint("starting_bankroll > 0", name=("betting_sessions_bankroll_check")),
        sa.PrimaryKeyConstraint("id", name=("betting_sessions_pkey")),
    )
    op.create_index(
        ("betting_sessions_status_started_at_idx"),
        "betting_sessions",
        ["status", "started_at"],
        unique=False,
    )
    op.create_table(
        "books",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('named', 'exchange', 'average', 'maximum')", name=("books_kind_check")
        ),
        sa.PrimaryKeyConstraint("id", name=("books_pkey")),
        sa.UniqueConstraint("code", name=("books_code_key")),
    )
    op.create_table(
        "ingest_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_kept", sa.Integer(), nullable=False),
        sa.Column("rows_repaired", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rows_refused", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("quotes_kept", sa.Integer(), nullable=False),
        sa.Column("quotes_refused", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("stored", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("stages", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("league", sa.Text(), nullable=True),
        sa.Column("season", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint(
            "(status = 'refused') = (error IS NOT NULL)", name=("ingest_log_error_check")
        ),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=("ingest_log_sha256_check")),
        sa.CheckConstraint(
            "status IN ('stored', 'unchanged', 'refused')", name=("ingest_log_status_check")
        ),
        sa.CheckConstraint("rows_kept BETWEEN 0 AND rows_read", name=("ingest_log_rows_check")),
        sa.PrimaryKeyConstraint("id", name=("ingest_log_pkey")),
    )
    op.create_index(("ingest_log_received_at_idx"), "ingest_log", ["received_at"], unique=False)
    op.create_index(
        ("ingest_log_league_season_idx"), "ingest_log", ["league", "season"], unique=False
    )
    op.create_index(
        ("ingest_log_source_name_sha256_idx"),
        "ingest_log",
        ["source", "name", "sha256"],
        unique=False,
    )
    op.create_table(
        "model_performance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("matches", sa.Integer(), nullable=False),
        sa.Column("log_loss", sa.Double(), nullable=False),
        sa.Column("market_log_loss", sa.Double(), nullable=False),
        sa.Column("brier", sa.Double(), nullable=False),
        sa.Column("calibration_error", sa.Double(), nullable=False),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("first_day <= last_day", name=("model_performance_window_check")),
        sa.CheckConstraint("matches > 0", name=("model_performance_matches_check")),
        sa.PrimaryKeyConstraint("id", name=("model_performance_pkey")),
        sa.UniqueConstraint(
            "model_version",
            "member",
            "first_day",
            "last_day",
            name=("model_performance_model_version_member_first_day_last_day_key"),
        ),
    )
    op.create_index(
        ("model_performance_last_day_idx"), "model_performance", ["last_day"], unique=False
    )
    op.create_table(
        "odds",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("quoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("market", sa.SmallInteger(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("selection", sa.SmallInteger(), nullable=False),
        sa.Column("reconstructed", sa.Boolean(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.CheckConstraint("market <> 0 OR line = 0", name=("odds_line_check")),
        sa.CheckConstraint("market BETWEEN 0 AND 2", name=("odds_market_check")),
        sa.CheckConstraint("price > 1", name=("odds_price_check")),
        sa.CheckConstraint(
            "selection BETWEEN 0 AND 2 AND (selection < 2 OR market = 0)",
            name=("odds_selection_check"),
        ),
        sa.PrimaryKeyConstraint(
            "event_id", "market", "line", "book_id", "selection", "quoted_at", name=("odds_pkey")
        ),
    )
    op.create_table(
        "slates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_hours", sa.Double(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name=("slates_hash_check")),
        sa.CheckConstraint("mode IN ('live', 'replay')", name=("slates_mode_check")),
        sa.CheckConstraint("window_hours > 0", name=("slates_window_check")),
        sa.PrimaryKeyConstraint("id", name=("slates_pkey")),
        sa.UniqueConstraint("hash", name=("slates_hash_key")),
        sa.UniqueConstraint(
            "previous_hash", name=("slates_previous_hash_key"), postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index(("slates_as_of_idx"), "slates", ["as_of"], unique=False)
    op.create_index(("slates_created_at_idx"), "slates", ["created_at"], unique=False)
    op.create_table(
        "sports",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("outcomes", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("outcomes IN (2, 3)", name=("sports_outcomes_check")),
        sa.PrimaryKeyConstraint("code", name=("sports_pkey")),
    )
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("name <> ''", name=("teams_name_check")),
        sa.PrimaryKeyConstraint("id", name=("teams_pkey")),
        sa.UniqueConstraint("country", "name", name=("teams_country_name_key")),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("chain_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("from_address", sa.Text(), nullable=False),
        sa.Column("to_address", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("fee", sa.Numeric(precision=38, scale=18), nullable=True),
        sa.Column("nonce", sa.BigInteger(), nullable=True),
        sa.Column("tx_hash", sa.Text(), nullable=True),
        sa.Column("block_number", sa.BigInteger(), nullable=True),
        sa.Column("confirmations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('requested', 'waiting', 'approved', 'signed', 'sent', 'confirmed', 'failed', 'refused')",
            name=("transactions_status_check"),
        ),
        sa.CheckConstraint("amount > 0", name=("transactions_amount_check")),
        sa.CheckConstraint("from_address <> to_address", name=("transactions_addresses_check")),
        sa.PrimaryKeyConstraint("id", name=("transactions_pkey")),
        sa.UniqueConstraint("chain_id", "tx_hash", name=("transactions_chain_id_tx_hash_key")),
    )
    op.create_index(("transactions_created_at_idx"), "transactions", ["created_at"], unique=False)
    op.create_index(
        ("transactions_status_created_at_idx"),
        "transactions",
        ["status", "created_at"],
        unique=False,
    )
    op.create_table(
        "leagues",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sport", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("tier > 0", name=("leagues_tier_check")),
        sa.ForeignKeyConstraint(["sport"], ["sports.code"], name=("leagues_sport_fkey")),
        sa.PrimaryKeyConstraint("id", name=("leagues_pkey")),
        sa.UniqueConstraint("code", name=("leagues_code_key")),
    )
    op.create_table(
        "review_queue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("league", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("candidates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "verdict IN ('doubtful', 'refused')", name=("review_queue_verdict_check")
        ),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (team_id IS NULL)", name=("review_queue_resolved_check")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=("review_queue_team_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=("review_queue_pkey")),
        sa.UniqueConstraint(
            "source", "country", "name", name=("review_queue_source_country_name_key")
        ),
    )
    op.create_table(
        "team_aliases",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=("team_aliases_team_id_fkey")),
        sa.PrimaryKeyConstraint("source", "country", "alias", name=("team_aliases_pkey")),
    )
    op.create_index(("team_aliases_team_id_idx"), "team_aliases", ["team_id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("league_id", sa.SmallInteger(), nullable=False),
        sa.Column("season", sa.SmallInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("home_id", sa.Integer(), nullable=False),
        sa.Column("away_id", sa.Integer(), nullable=False),
        sa.Column("kickoff", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_assumed", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reconstructed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("home_id <> away_id", name=("events_teams_check")),
        sa.CheckConstraint("id >= 0", name=("events_id_check")),
        sa.ForeignKeyConstraint(["away_id"], ["teams.id"], name=("events_away_id_fkey")),
        sa.ForeignKeyConstraint(["home_id"], ["teams.id"], name=("events_home_id_fkey")),
        sa.ForeignKeyConstraint(["league_id"], ["leagues.id"], name=("events_league_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=("events_pkey")),
        sa.UniqueConstraint(
            "league_id",
            "day",
            "home_id",
            "away_id",
            name=("events_league_id_day_home_id_away_id_key"),
        ),
        sa.UniqueConstraint("slug", name=("events_slug_key")),
    )
    op.create_index(("events_away_id_idx"), "events", ["away_id"], unique=False)
    op.create_index(("events_home_id_idx"), "events", ["home_id"], unique=False)
    op.create_index(("events_kickoff_idx"), "events", ["kickoff"], unique=False)
    op.create_index(
        ("events_league_id_kickoff_idx"), "events", ["league_id", "kickoff"], unique=False
    )
    op.create_index(
        ("events_league_id_season_day_idx"),
        "events",
        ["league_id", "season", "day"],
        unique=False,
    )
    op.create_table(
        "historical_performance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("league_id", sa.SmallInteger(), nullable=True),
        sa.Column("picks", sa.Integer(), nullable=False),
        sa.Column("won", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("void", sa.Integer(), nullable=False),
        sa.Column("half_won", sa.Integer(), nullable=False),
        sa.Column("half_lost", sa.Integer(), nullable=False),
        sa.Column("staked", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("profit", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("clv_count", sa.Integer(), nullable=False),
        sa.Column("clv_sum", sa.Double(), nullable=False),
        sa.Column("beat_close", sa.Integer(), nullable=False),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "mode IN ('live', 'replay')", name=("historical_performance_mode_check")
        ),
        sa.CheckConstraint(
            "LEAST(won, lost, void, half_won, half_lost, clv_count, beat_close) >= 0 AND picks >= won + lost + void + half_won + half_lost AND picks >= clv_count AND clv_count >= beat_close",
            name=("historical_performance_counts_check"),
        ),
        sa.CheckConstraint("staked >= 0", name=("historical_performance_staked_check")),
        sa.ForeignKeyConstraint(
            ["league_id"], ["leagues.id"], name=("historical_performance_league_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=("historical_performance_pkey")),
        sa.UniqueConstraint(
            "day",
            "profile",
            "mode",
            "league_id",
            name=("historical_performance_day_profile_mode_league_id_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "predictions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("p_home", sa.Double(), nullable=False),
        sa.Column("p_draw", sa.Double(), nullable=True),
        sa.Column("p_away", sa.Double(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "p_home BETWEEN 0 AND 1 AND p_away BETWEEN 0 AND 1 AND COALESCE(p_draw, 0) BETWEEN 0 AND 1 AND abs(p_home + COALESCE(p_draw, 0) + p_away - 1) < 1e-5",
            name=("predictions_probabilities_check"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=("predictions_event_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=("predictions_pkey")),
        sa.UniqueConstraint(
            "event_id",
            "as_of",
            "model_version",
            "member",
            name=("predictions_event_id_as_of_model_version_member_key"),
        ),
    )
    op.create_index(("predictions_as_of_idx"), "predictions", ["as_of"], unique=False)
    op.create_table(
        "recommendations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("slate_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("market", sa.SmallInteger(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("selection", sa.SmallInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("quoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("ensemble_probability", sa.Double(), nullable=True),
        sa.Column("consensus_probability", sa.Double(), nullable=False),
        sa.Column("model_ev", sa.Double(), nullable=False),
        sa.Column("ev", sa.Double(), nullable=False),
        sa.Column("ev_lower", sa.Double(), nullable=False),
        sa.Column("ev_se", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("risk_score", sa.Double(), nullable=False),
        sa.Column("risk_adjusted_return", sa.Double(), nullable=False),
        sa.Column("composite_score", sa.Double(), nullable=False),
        sa.Column("stake", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("bet_until_price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("rationale", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("replaces_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("profit", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("clv", sa.Double(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("previous_hash", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status = 'pending') = (settled_at IS NULL)", name=("recommendations_settled_check")
        ),
        sa.CheckConstraint("advice IN ('bet', 'wait')", name=("recommendations_advice_check")),
        sa.CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name=("recommendations_hash_check")),
        sa.CheckConstraint(
            "status IN ('pending', 'won', 'lost', 'void', 'half_won', 'half_lost')",
            name=("recommendations_status_check"),
        ),
        sa.CheckConstraint(
            "bet_until_price > 1 AND bet_until_price <= price",
            name=("recommendations_bet_until_check"),
        ),
        sa.CheckConstraint(
            "confidence BETWEEN 0 AND 100", name=("recommendations_confidence_check")
        ),
        sa.CheckConstraint("market <> 0 OR line = 0", name=("recommendations_line_check")),
        sa.CheckConstraint("market BETWEEN 0 AND 2", name=("recommendations_market_check")),
        sa.CheckConstraint("price > 1", name=("recommendations_price_check")),
        sa.CheckConstraint(
            "probability BETWEEN 0 AND 1 AND ensemble_probability BETWEEN 0 AND 1 AND consensus_probability BETWEEN 0 AND 1",
            name=("recommendations_probabilities_check"),
        ),
        sa.CheckConstraint("rank BETWEEN 1 AND 3", name=("recommendations_rank_check")),
        sa.CheckConstraint(
            "risk_score BETWEEN 0 AND 1 AND composite_score BETWEEN 0 AND 1",
            name=("recommendations_scores_check"),
        ),
        sa.CheckConstraint(
            "selection BETWEEN 0 AND 2 AND (selection < 2 OR market = 0)",
            name=("recommendations_selection_check"),
        ),
        sa.CheckConstraint("stake >= 0", name=("recommendations_stake_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.id"], name=("recommendations_book_id_fkey")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=("recommendations_event_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["recommendations.id"], name=("recommendations_replaces_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["slate_id"], ["slates.id"], name=("recommendations_slate_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=("recommendations_pkey")),
        sa.UniqueConstraint("hash", name=("recommendations_hash_key")),
        sa.UniqueConstraint(
            "previous_hash",
            name=("recommendations_previous_hash_key"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.UniqueConstraint("replaces_id", name=("recommendations_replaces_id_key")),
        sa.UniqueConstraint("slate_id", "event_id", name=("recommendations_slate_id_event_id_key")),
        sa.UniqueConstraint("slate_id", "rank", name=("recommendations_slate_id_rank_key")),
    )
    op.create_index(
        ("recommendations_created_at_idx"), "recommendations", ["created_at"], unique=False
    )
    op.create_index(("recommendations_event_id_idx"), "recommendations", ["event_id"], unique=False)
    op.create_index(
        ("recommendations_status_created_at_idx"),
        "recommendations",
        ["status", "created_at"],
        unique=False,
    )
    op.create_table(
        "results",
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reconstructed", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("goals_home", sa.SmallInteger(), nullable=True),
        sa.Column("goals_away", sa.SmallInteger(), nullable=True),
        sa.Column("half_time_home", sa.SmallInteger(), nullable=True),
        sa.Column("half_time_away", sa.SmallInteger(), nullable=True),
        sa.Column("shots_home", sa.SmallInteger(), nullable=True),
        sa.Column("shots_away", sa.SmallInteger(), nullable=True),
        sa.Column("shots_on_target_home", sa.SmallInteger(), nullable=True),
        sa.Column("shots_on_target_away", sa.SmallInteger(), nullable=True),
        sa.Column("corners_home", sa.SmallInteger(), nullable=True),
        sa.Column("corners_away", sa.SmallInteger(), nullable=True),
        sa.Column("yellow_home", sa.SmallInteger(), nullable=True),
        sa.Column("yellow_away", sa.SmallInteger(), nullable=True),
        sa.Column("red_home", sa.SmallInteger(), nullable=True),
        sa.Column("red_away", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint(
            "LEAST(goals_home, goals_away, half_time_home, half_time_away, shots_home, shots_away, shots_on_target_home, shots_on_target_away, corners_home, corners_away, yellow_home, yellow_away, red_home, red_away) >= 0",
            name=("results_counts_check"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=("results_event_id_fkey")),
        sa.PrimaryKeyConstraint("event_id", name=("results_pkey")),
    )
    op.create_table(
        "bets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("recommendation_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("book_id", sa.SmallInteger(), nullable=False),
        sa.Column("market", sa.SmallInteger(), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("selection", sa.SmallInteger(), nullable=False),
        sa.Column("price", sa.Numeric(precision=10, scale=4), nullable=False),
        sa.Column("stake", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("venue_reference", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("profit", sa.Numeric(precision=18, scale=2), nullable=True),
        sa.Column("clv", sa.Double(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("mode IN ('paper', 'real')", name=("bets_mode_check")),
        sa.CheckConstraint(
            "status IN ('unknown', 'placed', 'rejected', 'cancelled', 'pending', 'won', 'lost', 'void', 'half_won', 'half_lost')",
            name=("bets_status_check"),
        ),
        sa.CheckConstraint("market <> 0 OR line = 0", name=("bets_line_check")),
        sa.CheckConstraint("market BETWEEN 0 AND 2", name=("bets_market_check")),
        sa.CheckConstraint("price > 1", name=("bets_price_check")),
        sa.CheckConstraint(
            "selection BETWEEN 0 AND 2 AND (selection < 2 OR market = 0)",
            name=("bets_selection_check"),
        ),
        sa.CheckConstraint("stake > 0", name=("bets_stake_check")),
        sa.ForeignKeyConstraint(["book_id"], ["books.id"], name=("bets_book_id_fkey")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=("bets_event_id_fkey")),
        sa.ForeignKeyConstraint(
            ["recommendation_id"], ["recommendations.id"], name=("bets_recommendation_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["betting_sessions.id"], name=("bets_session_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=("bets_pkey")),
        sa.UniqueConstraint("reference", name=("bets_reference_key")),
    )
    op.create_index(("bets_event_id_idx"), "bets", ["event_id"], unique=False)
    op.create_index(("bets_recommendation_id_idx"), "bets", ["recommendation_id"], unique=False)
    op.create_index(
        ("bets_session_id_created_at_idx"), "bets", ["session_id", "created_at"], unique=False
    )
    op.create_index(("bets_status_created_at_idx"), "bets", ["status", "created_at"], unique=False)

    op.execute(KEEP)
    for table, changes in KEPT.items():
        op.execute(
            f"CREATE TRIGGER keep BEFORE {changes} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION keep_facts()"
        )
    op.execute(REFER)
    op.execute(
        "CREATE TRIGGER refer AFTER INSERT ON odds REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION odds_refer()"
    )


# For repairs: SET LOCAL betting_ai.maintenance = 'on' lifts this for one transaction.
KEEP = """
CREATE FUNCTION keep_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('betting_ai.maintenance', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation',
                  HINT = 'SET LOCAL betting_ai.maintenance = ''on'' to repair it.';
    END IF;
    RETURN NULL;
END $$
"""

# Recommendations are settled later; events and books are kept because prices refer to them without foreign keys.
KEPT = {
    "odds": "UPDATE OR DELETE OR TRUNCATE",
    "results": "UPDATE OR DELETE OR TRUNCATE",
    "events": "DELETE OR TRUNCATE",
    "books": "DELETE OR TRUNCATE",
    "slates": "UPDATE OR DELETE OR TRUNCATE",
    "predictions": "UPDATE OR DELETE OR TRUNCATE",
    "recommendations": "DELETE OR TRUNCATE",
}

# What two foreign keys would check row by row, for all rows of a statement at once.
REFER = """
CREATE FUNCTION odds_refer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT event_id FROM added) AS a
        WHERE NOT EXISTS (SELECT FROM events WHERE id = a.event_id)
    ) OR EXISTS (
        SELECT FROM (SELECT DISTINCT book_id FROM added) AS a
        WHERE NOT EXISTS (SELECT FROM books WHERE id = a.book_id)
    ) THEN
        RAISE EXCEPTION 'odds of an unknown event or book' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$
"""
