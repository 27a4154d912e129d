"""Carrying out what a command asks for: progress, mirrors, what went wrong, a summary."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stdout
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mlorch.app.materializing import Listener, Request
    from mlorch.app.mirroring import Mirroring
    from mlorch.app.opening import App
    from mlorch.app.results import ExecutionResult
    from mlorch.app.targets import Partitions
    from mlorch.planning.plan import Plan


def carry_out(
    opened: App,
    verb: Callable[[Listener], ExecutionResult],
    *,
    no_wait: bool,
    as_json: bool,
    what: Literal["run", "backfill"] = "run",
    request: Request | None = None,
) -> ExecutionResult:
    """Call the verb with a listener that shows progress and starts the mirrors; print what it came to.

    A run of the request that fails is run again as often as its tags and the settings say.
    """
    from mlorch.app.materializing import Listener
    from mlorch.app.mirroring import mirroring, mirrors_of
    from mlorch.cli.progress import Stopwatch, counting, showing

    watch = Stopwatch()
    told: list[Mirroring] = []
    # What the user's code prints must not come between a script and its JSON.
    with redirect_stdout(sys.stderr if as_json else sys.stdout), ExitStack() as mirrors:
        with counting() if what == "backfill" else showing() as progress:

            def planned(plan: Plan) -> None:
                progress.planned(plan)
                if plan.steps and not told:
                    beside = mirroring(opened.settings, wait=not no_wait, tell=tell)
                    told.append(mirrors.enter_context(beside))

            listener = Listener(planned, progress.happened, progress.waiting)
            result = verb(listener)
            while request is not None and (again := _retried(opened, result, request, listener)) is not None:
                result = again
        _print_failures(result)
        tell(_summary(result, watch, what))
    names = mirrors_of(opened.settings)
    if names and told and told[0].is_complete:
        tell(f"{names}: told in the background" if no_wait else f"{names}: up to date ({watch})")
    if as_json:
        _print_result(result)
    return result


def _retried(
    opened: App, result: ExecutionResult, request: Request, listener: Listener
) -> ExecutionResult | None:
    """Run what failed again, if it may be; None where it may not."""
    from dataclasses import replace

    from mlorch.app.retrying import next_retry, retry

    most = opened.settings.run_retries.max_retries
    found = None if result.success else next_retry(opened.instance, result.run_id, most)
    if found is None:
        return None
    run, strategy = found
    _print_failures(result)
    tell(f"run {run.run_id[:8]} failed and is run again, {strategy.lower().replace('_', ' ')}")
    return retry(
        opened.definitions,
        opened.instance,
        run,
        replace(request, tags={}),
        listener,
        from_failure=strategy == "FROM_FAILURE",
    )


def make_request(opened: App, **given: Any) -> Request:
    """Return what is asked for, with what the project's settings say."""
    from mlorch.app.requesting import request_of

    return request_of(opened.settings, opened.flags, **given)


def read_partitions(key: str | None, span: str | None = None, every: bool = False) -> Partitions:
    """Return the partitions that the flags mean. Raises UserError for a range that is none."""
    from mlorch.app.targets import Partitions
    from mlorch.errors import UserError

    if span is None:
        return Partitions(key=key, all=every)
    first, dots, last = span.partition("...")
    if not (first and dots and last):
        raise UserError(f"--partition-range {span!r} should be FIRST...LAST, such as 2013-01-01...2013-03-01")
    return Partitions(key=key, range=(first, last), all=every)


def read_tags(given: Sequence[str]) -> dict[str, str]:
    """Return tags written KEY=VALUE. Raises UserError for anything else."""
    from mlorch.errors import UserError

    tags = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise UserError(f"--tag {one!r} should be KEY=VALUE")
        tags[name] = value
    return tags


def _print_failures(result: ExecutionResult) -> None:
    for failure in result.failures:
        error = failure.error
        text = error["traceback"] or f"{error['type']}: {error['message']}"
        tell(f"\n{failure.step} failed:\n{text.rstrip()}")


def _summary(result: ExecutionResult, watch: object, what: str) -> str:
    if not result.run_id and not result.plan.fresh:
        return f"nothing is left to make ({watch})"
    if not result.run_id:
        nothing = "stale" if what == "run" else "to be made"
        return f"nothing is {nothing}: {len(result.plan.fresh)} fresh ({watch})"
    blocked = sum(one.is_blocked for one in result.skipped)
    counts = {
        "done": result.done,
        "made": len(result.materializations),
        "fresh": len(result.plan.fresh) + len(result.skipped) - blocked,
        "failed": len(result.failures),
        "blocked": blocked,
    }
    counts |= _counts_of_checks(result)
    text = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{what} {result.run_id[:8]}: {text} in {watch}"


def _counts_of_checks(result: ExecutionResult) -> dict[str, int]:
    """Return how many checks did not pass, and how many did where all that ran was checks."""
    failed = sum(not one.passed for one in result.checks)
    passed = 0 if result.materializations else len(result.checks) - failed
    return {"checks passed": passed, "checks failed": failed}


def _print_result(result: ExecutionResult) -> None:
    from mlorch.cli.output import print_json
    from mlorch.events import to_fields

    print_json(
        {
            "run_id": result.run_id or None,
            "success": result.success,
            "fresh": len(result.plan.fresh),
            "materializations": [to_fields(one) for one in result.materializations],
            "skipped": [to_fields(one) for one in result.skipped],
            "failures": [to_fields(one) for one in result.failures],
            "checks": [to_fields(one) for one in result.checks],
        }
    )


def tell(line: str) -> None:
    """Print a line where it can't come between a script and its JSON."""
    print(line, file=sys.stderr, flush=True)
