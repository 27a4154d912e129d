"""The verb observe: ask which data version each observable asset has now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlorch.app.loading import tools_of
from mlorch.app.materializing import Listener, Request, assess, new_run_id
from mlorch.app.performing import executor_for
from mlorch.app.preparing import in_hand, owners_of, prepare_run
from mlorch.app.results import ExecutionResult
from mlorch.definitions.definitions import Definitions
from mlorch.errors import UserError
from mlorch.execution.hand import RunResult
from mlorch.execution.runner import carry_out
from mlorch.instance import Instance
from mlorch.planning.plan import make_plan
from mlorch.planning.selection import AssetSelection


def observe(
    assets: Iterable[Any],
    *,
    partition_key: str | None = None,
    run_config: Any = None,
    resources: Mapping[str, Any] | None = None,
    instance: Instance | None = None,
    tags: Mapping[str, str] | None = None,
    raise_on_error: bool = True,
) -> ExecutionResult:
    """Observe the observable ones among the assets, in this process; `instance` defaults to one in memory.

    Raises what the first function raised unless `raise_on_error` is False, and UserErrors before any runs.
    """
    definitions = Definitions(assets, resources=resources)
    keys = [key for key, node in definitions.graph.nodes.items() if node.is_observable]
    request = Request(run_config=run_config, tags=tags or {})
    result = observe_assets(
        definitions, instance or Instance.ephemeral(), keys, request, partition_key=partition_key
    )
    if raise_on_error:
        result.raise_failure()
    return result


def observable(definitions: Definitions, selection: Sequence[str] | None) -> list[str]:
    """Return the keys of the observable assets in a selection, or of all. Raises UserError for none."""
    graph = definitions.graph
    every = AssetSelection.all(include_sources=True)
    chosen = (AssetSelection.from_coercible(selection) if selection else every).resolve(graph)
    found = [key for key, node in graph.nodes.items() if node.is_observable and node.spec.key in chosen]
    if not found:
        raise UserError("no selected asset can be observed; declare it with @observable_source_asset")
    return found


def observe_assets(
    definitions: Definitions,
    instance: Instance,
    keys: Iterable[str],
    request: Request,
    listener: Listener | None = None,
    *,
    partition_key: str | None = None,
) -> ExecutionResult:
    """Observe the assets with these keys. Raises UserError for one that has no function to observe it."""
    graph, told = definitions.graph, listener or Listener()
    chosen = list(keys)
    for key in chosen:
        if not graph.nodes[key].is_observable:
            raise UserError(f"asset {key!r} can't be observed; declare it with @observable_source_asset")
    run = prepare_run(
        new_run_id(),
        owners_of(graph, chosen),
        graph,
        definitions.resources,
        run_config=request.run_config,
        job=request.job,
        tags=request.tags,
    )
    targets = [(key, partition_key) for key in chosen]
    assessment = assess(graph, instance.log, chosen, targets, datetime.now(UTC))
    plan = make_plan(assessment, targets)
    told.planned(plan)
    if not plan.steps:
        return ExecutionResult(RunResult("", "SUCCESS"), plan, instance, run.resources)
    about: dict[str, Any] = {"project": request.project, "source": request.source, "git": request.git}
    hand = in_hand(run, plan.steps, selection=tuple(chosen), **about)
    with executor_for(request, instance, definitions.executor) as executor:
        carry_out(
            plan,
            [hand],
            assessment=assessment,
            tools=tools_of(instance),
            log=instance.log,
            executor=executor,
            listen=told.happened,
        )
    return ExecutionResult(hand.result, plan, instance, run.resources)
