"""Files as they come: each kept with its hash; securities by any identifier, accounts by their number elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

MOMENT = sa.DateTime(timezone=True)
SCHEMES = "'cusip', 'isin', 'sedol', 'figi', 'occ', 'alias'"


def upgrade() -> None:
    """Makes the tables of `storage.schema.feeds`, and what securities and accounts are known by besides."""
    op.create_table(
        "delivered_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivered_files")),
        sa.UniqueConstraint("sha256", "kind", name=op.f("uq_delivered_files_sha256_kind")),
    )
    op.create_table(
        "identifiers",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.CheckConstraint(f"scheme IN ({SCHEMES})", name=op.f("ck_identifiers_scheme_known")),
        sa.CheckConstraint("starts <= until", name=op.f("ck_identifiers_days_in_order")),
        sa.ForeignKeyConstraint(["symbol"], ["securities.symbol"], name=op.f("fk_identifiers_symbol")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identifiers")),
        sa.UniqueConstraint(
            "scheme", "value", "symbol", "starts",
            name=op.f("uq_identifiers_scheme_value_symbol_starts"), postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    op.create_index("ix_identifiers_symbol", "identifiers", ["symbol"])
    op.add_column("accounts", sa.Column("custodian_account", sa.Text(), nullable=True))
    op.create_index(
        "ix_accounts_custodian_account",
        "accounts",
        ["custodian_account"],
        postgresql_where=sa.text("custodian_account IS NOT NULL"),
    )
    for name in ("type", "asset_class", "identical_group"):
        op.add_column("securities", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("securities", sa.Column("worthless", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    """Not offered: the record is kept."""
    raise NotImplementedError("migrations are not taken back: drop the database instead")
