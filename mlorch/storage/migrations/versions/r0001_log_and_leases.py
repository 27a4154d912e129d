"""The log and the leases."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
)

revision = "0001"
down_revision = None

Whole = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "events",
        Column("seq", Whole, autoincrement=False, nullable=False),
        Column("kind", Text, nullable=False),
        Column("run_id", Text),
        Column("at", Double, nullable=False),
        Column("asset", Text),
        Column("partition", Text),
        Column("body", Text, nullable=False),
        PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_asset", "events", ["asset", "seq"])
    op.create_index("ix_events_kind", "events", ["kind", "seq"])
    op.create_index("ix_events_run_id", "events", ["run_id", "seq"])
    op.create_table(
        "latest",
        Column("kind", Text, nullable=False),
        Column("asset", Text, nullable=False),
        Column("partition", Text, nullable=False),
        Column("seq", Whole, nullable=False),
        PrimaryKeyConstraint("kind", "asset", "partition", name="pk_latest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "interned",
        Column("digest", String(64), nullable=False),
        Column("body", Text, nullable=False),
        PrimaryKeyConstraint("digest", name="pk_interned"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "positions",
        Column("follower", Text, nullable=False),
        Column("seq", Whole, nullable=False),
        PrimaryKeyConstraint("follower", name="pk_positions"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "holders",
        Column("run_id", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("pid", Integer, nullable=False),
        Column("command", Text, nullable=False),
        Column("since", Double, nullable=False),
        Column("birth", Text),
        Column("expires", Double, nullable=False),
        PrimaryKeyConstraint("run_id", name="pk_holders"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        Column("name", Text, nullable=False),
        Column("run_id", Text, nullable=False),
        PrimaryKeyConstraint("name", name="pk_leases"),
        ForeignKeyConstraint(["run_id"], ["holders.run_id"], name="fk_leases_run_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_leases_run_id", "leases", ["run_id"])


def downgrade() -> None:
    for name in ("leases", "holders", "positions", "interned", "latest", "events"):
        op.drop_table(name)
