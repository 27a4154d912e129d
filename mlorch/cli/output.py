"""How answers are printed: aligned text, or JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    json.dump(value, sys.stdout, indent=2, default=str)
    print()


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headers, in columns on a terminal and when piped alike."""
    table = [[str(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headers))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def short(version: str | None) -> str:
    """Return the beginning of a version, as people compare it; the whole of a short one."""
    if version is None:
        return "-"
    return version[:8] if len(version) > 16 else version


def moment(at: float) -> str:
    """Return a time (seconds since the epoch) as UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def size_text(size: int | None) -> str:
    """Return a number of bytes for people."""
    if size is None:
        return "-"
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
