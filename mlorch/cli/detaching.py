"""What commands do with --detach: put a run into the queue and leave it to the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from mlorch.app.opening import App
    from mlorch.events import RunQueued


def leave(opened: App, enqueue: Callable[[], RunQueued | None], *, as_json: bool) -> NoReturn:
    """Put what is asked for into the queue, say so, and exit.

    Raises UserError for flags that say how this process would carry it out.
    """
    from mlorch.app.overseeing import daemon_at_work
    from mlorch.cli.carrying import tell
    from mlorch.errors import UserError

    given = [name for name, value in opened.flags.items() if value is not None]
    if given:
        raise UserError(
            f"--{given[0]} says how this process works, and the daemon carries out what is detached; "
            "leave it out, or set it in the project's settings or the job's executor_def"
        )
    queued = enqueue()
    _print(queued, as_json)
    if queued is not None and daemon_at_work(opened.instance) is None:
        tell("no daemon runs: start one with 'mlorch daemon'")
    raise typer.Exit


def _print(queued: RunQueued | None, as_json: bool) -> None:
    from mlorch.cli.output import print_json

    if as_json:
        found: dict[str, Any] = {"run_id": None, "status": None}
        print_json(found if queued is None else {"run_id": queued.run_id, "status": "QUEUED"})
    elif queued is None:
        print("nothing is to be made; nothing was queued")
    else:
        print(f"{'backfill' if queued.is_backfill else 'run'} {queued.run_id} waits in the queue")
