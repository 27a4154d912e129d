"""Names of what is done a single time."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text

revision = "0003"
down_revision = "0002"

Whole = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "once",
        Column("name", Text, nullable=False),
        Column("seq", Whole, nullable=False),
        PrimaryKeyConstraint("name", name="pk_once"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("once")
