"""The command line: the commands by name, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mlorch.cli.assets import assets
from mlorch.cli.backfill import backfill, backfills
from mlorch.cli.checks import checks
from mlorch.cli.config import config
from mlorch.cli.daemon import daemon
from mlorch.cli.drift import drift
from mlorch.cli.init import init
from mlorch.cli.job import job
from mlorch.cli.lineage import lineage
from mlorch.cli.load import load, restore
from mlorch.cli.materialize import materialize
from mlorch.cli.migrate import migrate
from mlorch.cli.mirror import mirror
from mlorch.cli.new import new
from mlorch.cli.notify import notify
from mlorch.cli.observe import observe, report
from mlorch.cli.partitions import partitions
from mlorch.cli.pools import pools
from mlorch.cli.prune import prune
from mlorch.cli.runs import runs
from mlorch.cli.schedule import schedule
from mlorch.cli.sensor import sensor
from mlorch.cli.status import status
from mlorch.cli.ui import ui
from mlorch.cli.up import up
from mlorch.cli.version import version
from mlorch.errors import MlorchError

# No rich markup: drawing the help with rich would cost more than all else that `--help` does.
app = typer.Typer(
    name="mlorch",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine, 1 a run failed, 2 something to put right, 3 a bug of mlorch.",
)
for one in (
    new,
    init,
    materialize,
    backfill,
    observe,
    status,
    lineage,
    load,
    restore,
    drift,
    mirror,
    migrate,
    notify,
    prune,
    daemon,
    up,
    ui,
    version,
):
    app.command()(one)
assets.command()(report)
app.add_typer(assets, name="assets")
app.add_typer(partitions, name="partitions")
app.add_typer(checks, name="checks")
app.add_typer(job, name="job")
app.add_typer(schedule, name="schedule")
app.add_typer(sensor, name="sensor")
app.add_typer(runs, name="runs")
app.add_typer(backfills, name="backfills")
app.add_typer(config, name="config")
app.add_typer(pools, name="pools")


@app.callback()
def options(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option("--project", "-C", help="Folder of the project; by default found from here upwards."),
    ] = None,
) -> None:
    """Declare features, datasets and models as functions; materialize, version and retrain them."""
    context.obj = project.resolve() if project is not None else None


def run() -> None:
    """Run the command line and exit."""
    try:
        app()
    except MlorchError as error:
        _leave(f"mlorch: {error}", error.exit_code)
    except SystemExit as error:
        # typer makes exit codes of its own of an interrupt and of a pipe that nobody reads.
        if isinstance(error.__context__, BrokenPipeError):
            sys.exit(0)
        if error.code != _INTERRUPTED:
            raise
        _leave("mlorch: interrupted; what was made is recorded", 1)
    except Exception as error:  # noqa: BLE001 - the one boundary
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _leave(f"mlorch: {error.strerror}; what was recorded before is intact: make room, run again", 1)
        _leave(f"{traceback.format_exc()}mlorch: this is a bug of mlorch; please report the lines above", 3)


_INTERRUPTED = 130

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _leave(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)
