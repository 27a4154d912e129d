"""Paths of files that lie beside the code."""

from __future__ import annotations

from pathlib import Path


def file_relative_path(dunderfile: str, relative_path: str) -> str:
    """Return the path of a file that lies beside a module: `file_relative_path(__file__, "data.csv")`."""
    return str(Path(dunderfile).parent / relative_path)
