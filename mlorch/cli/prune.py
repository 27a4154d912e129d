"""mlorch prune: remove what retention does not keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mlorch.app.pruning import Pruned


def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Remove old runs, logs, ticks and superseded values, as [tool.mlorch.retention] says.

    What is newest of each asset partition stays, as do the models of the registry, and all that these were
    made from. The daemon does so once an hour.
    """
    import time

    from mlorch.app.opening import open_app
    from mlorch.app.pruning import prune as carry_out
    from mlorch.cli.output import print_json

    opened = open_app(context.obj)
    done = carry_out(opened.settings, opened.instance, time.time(), only_ask=dry_run)
    if as_json:
        print_json(done.to_json())
    else:
        print("\n".join(_lines(done, "would go" if dry_run else "went")))
    raise typer.Exit(1 if done.postponed else 0)


def _lines(done: Pruned, went: str) -> list[str]:
    from mlorch.cli.output import size_text

    if done.postponed:
        return [f"no run and no value {went}: {done.postponed}", *_others(done, went)]
    counts = [
        (done.runs, "runs", ""),
        (done.values, "superseded values", f", {size_text(done.value_bytes)} on the disk"),
    ]
    lines = [f"{count:,} {what} {went}{more}" for count, what, more in counts if count]
    lines += _others(done, went)
    if not lines:
        return [f"nothing {went}"]
    lines.append(f"{done.facts:,} facts, {size_text(done.log_bytes)} of the database")
    if done.dvc_bytes:
        lines.append(f"{size_text(done.dvc_bytes)} more are in DVC's cache as well: `dvc gc -w` frees them")
    return lines


def _others(done: Pruned, went: str) -> list[str]:
    counts = [(done.logs, "logs of runs"), (done.ticks, "ticks and observations")]
    return [f"{count:,} {what} {went}" for count, what in counts if count]
