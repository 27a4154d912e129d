"""Broken schemas, told: a report for the log and a small table for people."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

_SAMPLES = 20
_LINES = 10
_WIDE = 60
_LONG = 200


class _Case(NamedTuple):
    column: str
    check: str
    found: str
    row: Any
    """The row's label in the index, None where the whole frame failed."""
    key: Any
    """Equal for cells that pandera lists apart and people count as one failure."""


def report(cases: Any, frame: Any, schema: Any, where: str) -> dict[str, Any]:
    """Return everything that failed, ready for JSON.

    "counts" has [column, check, number of rows]; "samples" has up to 20 rows that failed, each with "(row)",
    its label in the index, and "(breaks)", what it failed. `cases` is pandera's frame of failure cases.
    """
    counts: dict[tuple[str, str], set[Any]] = {}
    broken: dict[Any, list[str]] = {}
    for case in _cases(cases, schema):
        counts.setdefault((case.column, case.check), set()).add(case.key)
        if case.row is not None and (case.row in broken or len(broken) < _SAMPLES):
            breaks = broken.setdefault(case.row, [])
            if (text := f"{case.column}: {case.check}") not in breaks:
                breaks.append(text)
    return {
        "where": where,
        "schema": schema.name or "",
        "rows": len(frame),
        "failures": sum(map(len, counts.values())),
        "counts": [[column, check, len(keys)] for (column, check), keys in counts.items()],
        "samples": list(_samples(frame, broken)),
    }


def message(found: dict[str, Any], cases: Any, schema: Any) -> str:
    """Return a report's first line and its table, with one value that failed for each line."""
    examples: dict[tuple[str, str], str] = {}
    for case in _cases(cases, schema):
        examples.setdefault((case.column, case.check), case.found)
    lines = [("column", "check", "failures", "for example")]
    for column, check, count in found["counts"][:_LINES]:
        lines.append((column, check, f"{count:,}", examples[column, check]))
    widths = [min(_WIDE, max(map(len, cells))) for cells in zip(*lines, strict=True)]
    text = [f"{found['where']} a frame that breaks {found['schema']}, {found['rows']:,} rows:"]
    for line in lines:
        cells = [_clip(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True)]
        text.append("  ".join(["", *cells]).rstrip())
    more = len(found["counts"]) - _LINES
    return "\n".join([*text, f"  and {more} more"] if more > 0 else text)


def _cases(cases: Any, schema: Any) -> Iterator[_Case]:
    is_pandas = hasattr(cases, "iloc")
    table = cases.to_dict("list") if is_pandas else cases.to_dict(as_series=False)
    names = ("schema_context", "column", "check", "failure_case", "index")
    rows = zip(*(table[name] for name in names), strict=True)
    for number, (context, column, check, found, label) in enumerate(rows):
        row = None if _is_missing(label) else label
        is_whole = context == "DataFrameSchema"
        if is_whole and str(check).startswith("column_"):
            column = found
        elif is_whole:
            column = ", ".join(schema.unique or []) if check == "multiple_fields_uniqueness" else "(frame)"
        key = row if is_whole and row is not None else ("case", number)
        yield _Case(
            "(index)" if column is None else str(column),
            _clip(str(check), _LONG),
            " ".join(str(_plain(found)).split()),
            row,
            key,
        )


def _samples(frame: Any, broken: dict[Any, list[str]]) -> Iterator[dict[str, Any]]:
    if hasattr(frame, "iloc"):
        # pandera tells a row of several levels by the text of its labels.
        index = frame.index.map(str) if frame.index.nlevels > 1 else frame.index
        is_broken = index.isin(list(broken))
        labels, some = index[is_broken][:_SAMPLES], frame[is_broken].head(_SAMPLES)
        rows = some.itertuples(index=False, name=None)
    else:
        labels = sorted(broken)
        rows = frame[labels].rows()
    names = [str(name) for name in frame.columns]
    for label, row in zip(labels, rows, strict=True):
        yield {
            "(row)": _plain(label),
            "(breaks)": broken[label],
            **{name: _plain(cell) for name, cell in zip(names, row, strict=True)},
        }


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it; what JSON does not know becomes text."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return None if text in ("NaT", "<NA>") and not isinstance(value, str) else _clip(text, _LONG)


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
