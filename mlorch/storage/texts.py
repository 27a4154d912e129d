"""Texts as every database can keep them."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return a text without NUL, which PostgreSQL refuses; it becomes a sign that looks like it."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
