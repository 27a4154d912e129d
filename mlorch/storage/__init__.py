"""Remembering: the log and the leases in a SQL database."""
