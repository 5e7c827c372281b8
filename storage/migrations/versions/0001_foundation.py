"""What is known: market, targets, accounts with their sleeves, and the queue; versions that only rise."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

NUMBER = sa.Numeric(28, 12)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables of `storage.schema.tables`."""
    _market()
    _accounts()
    _queue()
    _versions_only_rise()


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")


def _market() -> None:
    """Securities and their prices, models and targets with their versions."""
    op.create_table(
        "securities",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("quantity_increment", NUMBER, nullable=False),
        sa.CheckConstraint("quantity_increment > 0", name=op.f("ck_securities_increment_above_zero")),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_securities")),
    )
    op.create_table(
        "prices",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("price", NUMBER, nullable=False),
        sa.CheckConstraint("price > 0", name=op.f("ck_prices_price_above_zero")),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_prices_symbol")),
        sa.PrimaryKeyConstraint("symbol", "as_of", name=op.f("pk_prices")),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("investment_minimum", NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("investment_minimum >= 0", name=op.f("ck_models_minimum_not_negative")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_models_version_from_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )
    op.create_table(
        "model_holdings",
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("weight", NUMBER, nullable=False),
        sa.CheckConstraint("weight >= 0 AND weight <= 1", name=op.f("ck_model_holdings_weight_in_range")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_model_holdings_model_id")),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_model_holdings_symbol")),
        sa.PrimaryKeyConstraint("model_id", "version", "position", name=op.f("pk_model_holdings")),
        sa.UniqueConstraint(
            "model_id",
            "version",
            "symbol",
            name=op.f("uq_model_holdings_model_id_version_symbol"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "targets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_targets_version_from_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
    )
    op.create_table(
        "target_components",
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("sub_target_id", sa.Text(), nullable=True),
        sa.Column("weight", NUMBER, nullable=False),
        sa.Column("threshold", JSONB(), nullable=True),
        sa.Column("precision", JSONB(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'model') = (model_id IS NOT NULL) AND (kind = 'security') = (symbol IS NOT NULL)"
            " AND (kind = 'target') = (sub_target_id IS NOT NULL) AND kind IN ('model', 'security', 'target', "
            "'cash')",
            name=op.f("ck_target_components_kind_names_what"),
        ),
        sa.CheckConstraint("weight >= 0 AND weight <= 1", name=op.f("ck_target_components_weight_in_range")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_target_components_model_id")),
        sa.ForeignKeyConstraint(
            ["sub_target_id"],
            ["targets.id"],
            name=op.f("fk_target_components_sub_target_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_target_components_symbol")),
        sa.ForeignKeyConstraint(["target_id"], ["targets.id"], name=op.f("fk_target_components_target_id")),
        sa.PrimaryKeyConstraint("target_id", "version", "position", name=op.f("pk_target_components")),
    )


def _accounts() -> None:
    """Accounts, their sleeves with holdings and lots, and what their clients want."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("custodian", sa.Text(), nullable=False),
        sa.Column("tax_status", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("lot_relief", sa.Text(), nullable=True),
        sa.Column("gain_budget", NUMBER, nullable=True),
        sa.Column("rebalancing", sa.Boolean(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=True),
        sa.Column("rebalanced_target_id", sa.Text(), nullable=True),
        sa.Column("rebalanced_target_version", sa.Integer(), nullable=True),
        sa.Column("first_rebalanced", sa.Date(), nullable=True),
        sa.Column("policy", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("household_id", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'frozen', 'closed')", name=op.f("ck_accounts_status_known")),
        sa.CheckConstraint("tax_status IN ('taxable', 'exempt')", name=op.f("ck_accounts_tax_status_known")),
        sa.CheckConstraint(
            "(rebalanced_target_id IS NULL) = (rebalanced_target_version IS NULL)"
            " AND (rebalanced_target_id IS NULL) = (first_rebalanced IS NULL)",
            name=op.f("ck_accounts_rebalanced_whole"),
        ),
        sa.CheckConstraint("gain_budget >= 0", name=op.f("ck_accounts_gain_budget_not_negative")),
        sa.ForeignKeyConstraint(["target_id"], ["targets.id"], name=op.f("fk_accounts_target_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index(
        "ix_accounts_household_id", "accounts", ["household_id"], postgresql_where=sa.text("household_id IS NOT NULL")
    )
    op.create_index("ix_accounts_target_id", "accounts", ["target_id"])
    op.create_table(
        "sleeves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("cash", NUMBER, server_default="0", nullable=False),
        sa.Column("opened_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.CheckConstraint("(kind = 'model') = (model_id IS NOT NULL)", name=op.f("ck_sleeves_model_named")),
        sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_sleeves_closed_when")),
        sa.CheckConstraint("kind IN ('managed', 'model', 'protected')", name=op.f("ck_sleeves_kind_known")),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_sleeves_status_known")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sleeves_account_id")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_sleeves_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sleeves")),
    )
    op.create_index(
        "uq_sleeves_open",
        "sleeves",
        ["account_id", "kind", "model_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "holdings",
        sa.Column("sleeve_id", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_holdings_quantity_above_zero")),
        sa.ForeignKeyConstraint(["sleeve_id"], ["sleeves.id"], name=op.f("fk_holdings_sleeve_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_holdings_symbol")),
        sa.PrimaryKeyConstraint("sleeve_id", "symbol", name=op.f("pk_holdings")),
    )
    op.create_table(
        "lots",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sleeve_id", sa.BigInteger(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("cost_per_share", NUMBER, nullable=True),
        sa.Column("acquired", sa.Date(), nullable=True),
        sa.CheckConstraint("cost_per_share >= 0", name=op.f("ck_lots_cost_not_negative")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_lots_quantity_above_zero")),
        sa.ForeignKeyConstraint(
            ["sleeve_id", "symbol"],
            ["holdings.sleeve_id", "holdings.symbol"],
            name=op.f("fk_lots_sleeve_id_symbol"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
    )
    op.create_index("ix_lots_sleeve_id_symbol", "lots", ["sleeve_id", "symbol"])
    op.create_table(
        "restrictions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=True),
        sa.Column("substitute", sa.Text(), nullable=True),
        sa.Column("hold", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("starts", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.CheckConstraint("until >= starts", name=op.f("ck_restrictions_ends_after_start")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_restrictions_account_id")),
        sa.ForeignKeyConstraint(["substitute"], ["securities.symbol"], name=op.f("fk_restrictions_substitute")),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_restrictions_symbol")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restrictions")),
    )
    op.create_index(op.f("ix_restrictions_account_id"), "restrictions", ["account_id"])
    op.create_table(
        "withdrawals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("amount", NUMBER, nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_withdrawals_amount_above_zero")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_withdrawals_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawals")),
    )
    op.create_index(op.f("ix_withdrawals_account_id"), "withdrawals", ["account_id"])
    op.create_table(
        "recent_sales",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("sold", sa.Date(), nullable=False),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("gain", NUMBER, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_recent_sales_quantity_above_zero")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_recent_sales_account_id")),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_recent_sales_symbol")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recent_sales")),
    )
    op.create_index(op.f("ix_recent_sales_account_id"), "recent_sales", ["account_id"])


def _queue() -> None:
    """The queue, and the business day."""
    op.create_table(
        "queue_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("queued_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("reasons", JSONB(), nullable=False),
        sa.Column("primary_reason", sa.Text(), nullable=False),
        sa.Column("last_issue", sa.Text(), nullable=True),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.Column("left_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "primary_reason IN ('NO_TARGET', 'FIRST_REBALANCE', 'TARGET_CHANGED', 'LOW_CASH', 'HIGH_CASH', "
            "'OUTSIDE_TOLERANCE', 'TOGGLED_ON', 'MANUAL')",
            name=op.f("ck_queue_entries_reason_known"),
        ),
        sa.CheckConstraint(
            "reasons <> '{}'::jsonb AND reasons ? primary_reason", name=op.f("ck_queue_entries_has_reason")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_queue_entries_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_entries")),
    )
    op.create_index(
        "uq_queue_entries_open",
        "queue_entries",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "book_days",
        sa.Column("single", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("policy", JSONB(), nullable=False),
        sa.CheckConstraint("single", name=op.f("ck_book_days_one_row")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_book_days")),
    )


def _versions_only_rise() -> None:
    """A model's or target's version never falls, and what a version held is never rewritten."""
    op.execute(
        """
        CREATE FUNCTION version_only_rises() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the version of % % only rises: % is below %',
                TG_TABLE_NAME, OLD.id, NEW.version, OLD.version USING ERRCODE = 'check_violation';
        END $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION version_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'what a version held is kept: % is only added to', TG_TABLE_NAME
                USING ERRCODE = 'check_violation';
        END $$
        """
    )
    for table in ("models", "targets"):
        op.execute(
            f"CREATE TRIGGER version_only_rises BEFORE UPDATE ON {table} FOR EACH ROW"
            " WHEN (NEW.version < OLD.version) EXECUTE FUNCTION version_only_rises()"
        )
    for table in ("model_holdings", "target_components"):
        op.execute(
            f"CREATE TRIGGER version_is_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"
            " EXECUTE FUNCTION version_is_kept()"
        )
