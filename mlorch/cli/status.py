"""mlorch status: what is fresh, stale or missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from mlorch.cli.completion import asset_names

if TYPE_CHECKING:
    from mlorch.app.opening import App
    from mlorch.app.overseeing import Oversight
    from mlorch.app.status import AssetStatus, SlotExplanation


def status(
    context: typer.Context,
    selection: Annotated[
        list[str] | None, typer.Argument(help="Which assets; all by default.", autocompletion=asset_names)
    ] = None,
    *,
    why: Annotated[
        str | None, typer.Option(help="One asset, with every cause.", autocompletion=asset_names)
    ] = None,
    partition: Annotated[str | None, typer.Option(help="With --why: one partition.")] = None,
    by: Annotated[
        str | None, typer.Option(help="A dimension of partitions: counts for each of its keys.")
    ] = None,
    daemon: Annotated[
        bool,
        typer.Option("--daemon", help="How the daemon and its queue stand; exit code 1 where none runs."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what is fresh, stale or missing.

    With every cause, counts of partitions, and what is stale upstream.
    """
    from mlorch.app.opening import open_app

    opened = open_app(context.obj)
    if daemon:
        _print_daemon(opened, as_json)
    elif why is not None:
        _print_why(opened, why, partition, as_json)
    else:
        _print_status(opened, selection, by, as_json)


def _print_status(opened: App, selection: list[str] | None, by: str | None, as_json: bool) -> None:
    from mlorch.app.mirroring import waiting
    from mlorch.app.status import asset_statuses
    from mlorch.cli.output import print_json, print_table

    is_auto = opened.settings.code_version == "auto"
    found = asset_statuses(opened.definitions, opened.record, selection, auto=is_auto, dimension=by)
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    # Ages are told only where somebody said how old something may get.
    has_ages = any(one.freshness != "NOT_APPLICABLE" for one in found)
    rows = [(one.key, _status(one), *_age(one, has_ages), _counts(one), _causes(one)) for one in found]
    ages = ("freshness",) if has_ages else ()
    print_table(("asset", "status", *ages, "partitions", "why"), rows)
    parts = [(one.key, part, _counted(counts)) for one in found for part, counts in one.by_dimension.items()]
    if parts:
        print()
        print_table(("asset", str(by), "partitions"), parts)
    for name, news in waiting(opened.settings, opened.record.log).items():
        if news.untold:
            print(f"{name}: {news} wait to be told; 'mlorch mirror' tells them")
    for line in _warnings(opened):
        print(line)


def _warnings(opened: App) -> Iterator[str]:
    from mlorch.app.overseeing import warnings

    schedules, sensors = opened.definitions.schedules, opened.definitions.sensors
    declared = {*(f"schedule/{name}" for name in schedules), *(f"sensor/{name}" for name in sensors)}
    return warnings(opened.record, declared)


def _print_daemon(opened: App, as_json: bool) -> None:
    """Print how all that goes by itself stands, and exit. The project's code is not imported for it."""
    from mlorch.app.overseeing import oversee
    from mlorch.cli.output import print_json

    found = oversee(opened.record, opened.settings)
    if as_json:
        print_json(found.as_json())
    else:
        for name, text in _daemon_rows(found):
            print(f"{name:<11}{text}")
    raise typer.Exit(0 if found.daemon is not None else 1)


def _daemon_rows(found: Oversight) -> Iterator[tuple[str, str]]:
    from mlorch.app.overseeing import START, error_text, failing_text
    from mlorch.cli.output import moment
    from mlorch.events import CodeLoaded

    at, code = found.daemon, found.code
    yield "daemon", f"process {at.pid} on {at.host}, since {moment(at.since)} UTC" if at else f"none: {START}"
    oldest = f", the oldest since {moment(found.waiting[0].at)} UTC" if found.waiting else ""
    yield "queue", f"{len(found.waiting)} wait, {found.going} go{oldest}"
    if isinstance(code, CodeLoaded):
        yield "code", f"{code.fingerprint}, loaded {moment(code.at)} UTC"
    elif code is not None:
        yield "code", f"does not load since {moment(code.at)} UTC: {error_text(code.error)}"
    for kind, count in found.running.items():
        yield kind, f"{count} running"
    for tick in found.failing:
        yield "", failing_text(tick)
    for name, news in found.mirrors.items():
        yield name, f"{news} wait to be told" if news.untold else "knows everything"


def _status(one: AssetStatus) -> str:
    if one.is_partitioned and not any(one.counts.values()):
        return "no partitions"
    return "external" if one.is_external else one.status


def _age(one: AssetStatus, is_shown: bool) -> tuple[str, ...]:
    if not is_shown:
        return ()
    return ("" if one.freshness == "NOT_APPLICABLE" else one.freshness,)


def _counts(one: AssetStatus) -> str:
    if not one.is_partitioned:
        return ", ".join(name.lower() for name in ("FAILED", "IN_PROGRESS") if one.counts[name])
    return _counted(one.counts)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.lower()}" for name, count in counts.items() if count)


def _causes(one: AssetStatus) -> str:
    from mlorch.log import slot_name

    told: dict[str, int] = {}
    for _, cause in one.causes:
        about = f" ({cause.upstream[0]})" if cause.category == "DATA" and cause.upstream else ""
        told[f"{cause.reason}{about}"] = told.get(f"{cause.reason}{about}", 0) + 1
    texts = [f"{reason} × {count}" if count > 1 else reason for reason, count in told.items()]
    for check, severity in one.failing_checks.items():
        texts.append(f"check {check} {'failed' if severity == 'ERROR' else 'warns'}")
    if one.upstream_stale:
        more = f" and {len(one.upstream_stale) - 1} more" if len(one.upstream_stale) > 1 else ""
        texts.append(f"upstream stale: {slot_name(one.upstream_stale[0])}{more}")
    return "; ".join(texts)


def _as_json(one: AssetStatus) -> dict[str, object]:
    return {
        "asset": one.key,
        "status": one.status,
        "external": one.is_external,
        "counts": one.counts,
        "by_dimension": one.by_dimension,
        "causes": [
            {"partition": slot[1], "category": c.category, "reason": c.reason, "upstream": c.upstream}
            for slot, c in one.causes
        ],
        "upstream_stale": one.upstream_stale,
        "freshness": one.freshness,
        "failing_checks": one.failing_checks,
    }


def _print_why(opened: App, asset: str, partition: str | None, as_json: bool) -> None:
    from mlorch.app.status import explain
    from mlorch.cli.output import print_json

    is_auto = opened.settings.code_version == "auto"
    found = explain(opened.definitions, opened.record, asset, partition, auto=is_auto)
    if as_json:
        print_json([_why_json(one) for one in found])
        return
    for one in found:
        _print_explanation(one)


def _why_json(one: SlotExplanation) -> dict[str, object]:
    return {
        "asset": one.slot[0],
        "partition": one.slot[1],
        "status": one.status,
        "causes": [{"category": c.category, "reason": c.reason, "upstream": c.upstream} for c in one.causes],
        "root_causes": [
            {"slot": r.slot, "category": r.category, "reason": r.reason, "at": r.at} for r in one.root_causes
        ],
        "upstream_stale": one.upstream_stale,
    }


def _print_explanation(one: SlotExplanation) -> None:
    from mlorch.cli.output import moment
    from mlorch.log import slot_name

    print(f"{slot_name(one.slot)}  {one.status}")
    for cause in one.causes:
        about = f": {slot_name(cause.upstream)}" if cause.category == "DATA" and cause.upstream else ""
        print(f"   {cause.category:<13}{cause.reason}{about}")
    for root in one.root_causes:
        when = f" ({moment(root.at)} UTC)" if root.at is not None else ""
        print(f"   root cause   {slot_name(root.slot)} {root.reason}{when}")
    for slot in one.upstream_stale:
        print(f"   upstream     {slot_name(slot)} is stale or missing")
