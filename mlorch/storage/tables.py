"""The tables in which the log and the leases are kept.

A change here needs a revision in `migrations/versions` and in REVISIONS. A new event, or a new field of one,
needs none: fields that are not in a row take their defaults.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

REVISIONS = ("0001", "0002", "0003")
"""Every revision of the schema, oldest first: importing alembic to ask it would take 0.2 s."""

HEAD = REVISIONS[-1]

Whole = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of eight bytes, as SQLite's INTEGER is."""

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s"}
)

events = Table(
    "events",
    metadata,
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("run_id", Text),
    Column("at", Double, nullable=False),
    Column("asset", Text),
    Column("partition", Text),
    Column("body", Text, nullable=False),
    Index("ix_events_kind", "kind", "seq"),
    Index("ix_events_run_id", "run_id", "seq"),
    Index("ix_events_asset", "asset", "seq"),
)
"""The facts. `body` is a JSON object of the fields that have no column and differ from their defaults."""

latest = Table(
    "latest",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("partition", Text, primary_key=True),
    Column("seq", Whole, nullable=False),
    sqlite_with_rowid=False,
)
"""The number of each slot's newest fact of each of LATEST_KINDS; `partition` is "" where there is none."""

once = Table(
    "once",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seq", Whole, nullable=False),
    sqlite_with_rowid=False,
)
"""Names of what is done a single time, each with the last number of the log when it was."""

interned = Table(
    "interned",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""JSON that many bodies have in common, under its sha256; a body holds the digest in its place."""

positions = Table(
    "positions",
    metadata,
    Column("follower", Text, primary_key=True),
    Column("seq", Whole, nullable=False),
    sqlite_with_rowid=False,
)
"""The last number that each follower of the log is done with."""

holders = Table(
    "holders",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("command", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("birth", Text),
    Column("expires", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""Who holds leases, and until when; `birth` tells the process from a later one of the same pid."""

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("holders.run_id"), nullable=False),
    Index("ix_leases_run_id", "run_id"),
    sqlite_with_rowid=False,
)
"""What is held, and by which of the holders."""

claims = Table(
    "claims",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("slots", Whole, nullable=False),
    Column("priority", Whole, nullable=False),
    Column("since", Double, nullable=False),
    Column("is_held", Boolean, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("birth", Text),
    Column("expires", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""Who holds, or waits for, one of the slots of a limit: a run, for one of its steps or for itself."""

pools = Table(
    "pools",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Whole, nullable=False),
    sqlite_with_rowid=False,
)
"""The sizes of pools that were set by command."""

cancels = Table(
    "cancels",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""Runs that were asked to end."""

revision = Table(
    "alembic_version",
    MetaData(naming_convention={"pk": "%(table_name)s_pkc"}),
    Column("version_num", String(32), primary_key=True),
)
"""Alembic's own table, written here for a new database, so that alembic need not be imported."""
