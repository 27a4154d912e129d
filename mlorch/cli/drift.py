"""mlorch drift: whether data moved away from other data, by more than chance and by much."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mlorch.cli.completion import asset_names

if TYPE_CHECKING:
    from mlorch.app.drift import Compared
    from mlorch.drift import ColumnReport, Difference

Reference = Annotated[
    str,
    typer.Argument(
        help="asset, asset[partition], asset@version, a file, or a model: what it learned from.",
        metavar="REF",
        autocompletion=asset_names,
    ),
]
Current = Annotated[
    str,
    typer.Argument(
        help="What is compared with it: an asset or a file.", metavar="CURRENT", autocompletion=asset_names
    ),
]

_BAR = 10
_FULL = 5.0
"""So many times its threshold an effect fills the bar."""


def drift(
    context: typer.Context,
    reference: Reference,
    current: Current,
    *,
    watch: Annotated[
        list[str] | None, typer.Option("--watch", help="A column of which drift alone is enough.")
    ] = None,
    share: Annotated[float, typer.Option(help="Else this share of the columns has to drift.")] = 0.5,
    min_rows: Annotated[int, typer.Option(help="With fewer rows nothing is said.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Compare data with their reference; exit with 1 where they drifted.

    A column has drifted where the difference is significant and large.
    """
    from mlorch.app.drift import compare_data
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json

    found = compare_data(
        lambda: open_app(context.obj),
        reference,
        current,
        watch=watch or (),
        share=share,
        min_rows=min_rows,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if as_json:
        print_json({"reference": found.reference, "current": found.current, **found.report.to_json()})
    else:
        _print(found)
    raise typer.Exit(int(found.report.verdict == "drift"))


def _print(found: Compared) -> None:
    from mlorch.cli.output import print_table

    report = found.report
    before, now = report.rows
    print(f"{found.reference} ({before:,} rows) beside {found.current} ({now:,} rows)")
    columns = sorted(report.columns, key=lambda one: (not one.drifted, bool(one.skipped)))
    rows = [row for column in columns for row in _rows(column)]
    if rows:
        print()
        print_table(("column", "", "", "effect", "needed", "adjusted p", "PSI", "JS"), rows)
    for column in columns:
        if column.skipped:
            print(f"{column.name} was not compared: {column.skipped}")
    print()
    print(f"{report.why()[:1].upper()}{report.why()[1:]}. {_share(found)}".rstrip())


def _rows(column: ColumnReport) -> Iterator[tuple[str, ...]]:
    for one in column.differences:
        is_first = one.aspect == "distribution"
        if not is_first and not one.drifted:
            continue
        mark = "*" if column.watched else ""
        yield (
            f"{column.name}{mark}" if is_first else f"{column.name}{mark} ({one.aspect})",
            "drift" if one.drifted else "",
            _bar(one),
            f"{one.effect:.3f}",
            f"{one.threshold:.3f}",
            "-" if one.adjusted_p is None else f"{one.adjusted_p:.2g}",
            _index(column.psi) if is_first else "",
            _index(column.js) if is_first else "",
        )


def _bar(one: Difference) -> str:
    """Return the effect as a bar; it is full at five times the threshold."""
    share = min(one.effect / one.threshold / _FULL, 1.0)
    return ("█" * round(share * _BAR)).ljust(_BAR, "·")


def _index(value: float | None) -> str:
    from mlorch.drift import band

    return "-" if value is None else f"{value:.3f} {band(value)}".rstrip()


def _share(found: Compared) -> str:
    report = found.report
    if report.verdict == "insufficient":
        return ""
    count, whole = len(report.drifted), sum(bool(one.differences) for one in report.columns)
    watched = "; * is watched" if any(one.watched for one in report.columns) else ""
    return f"{count} of {whole} columns drifted{watched}."
