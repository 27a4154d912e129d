"""Claims to the slots of limits, the sizes of pools, and runs that were asked to end."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, PrimaryKeyConstraint, Text

revision = "0002"
down_revision = "0001"

Whole = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "claims",
        Column("name", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("item", Text, nullable=False),
        Column("slots", Whole, nullable=False),
        Column("priority", Whole, nullable=False),
        Column("since", Double, nullable=False),
        Column("is_held", Boolean, nullable=False),
        Column("host", Text, nullable=False),
        Column("pid", Integer, nullable=False),
        Column("birth", Text),
        Column("expires", Double, nullable=False),
        PrimaryKeyConstraint("name", "owner", "item", name="pk_claims"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pools",
        Column("name", Text, nullable=False),
        Column("slots", Whole, nullable=False),
        PrimaryKeyConstraint("name", name="pk_pools"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cancels",
        Column("run_id", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("at", Double, nullable=False),
        PrimaryKeyConstraint("run_id", name="pk_cancels"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ("cancels", "pools", "claims"):
        op.drop_table(name)
