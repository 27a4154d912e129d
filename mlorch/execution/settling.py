"""What a run is given, settled and checked before its first step: configs and resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mlorch.definitions.config import Config, RunConfig, make_config
from mlorch.definitions.factories import ResourceDefinition
from mlorch.definitions.fields import Fields, Resolving
from mlorch.definitions.resources import AtLaunch, ConfigurableResourceFactory, configured
from mlorch.definitions.wiring import nested, required_keys
from mlorch.errors import InvalidConfigError, nearest
from mlorch.execution.sections import Path, given_by_path, read_sections, refuse, shown
from mlorch.planning.versions import config_digest


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """A config in this run: its values, as recorded, their digest, and the secrets in them."""

    value: Config
    recorded: Mapping[str, Any]
    digest: str
    secrets: frozenset[str] = frozenset()


class GraphConfig(Protocol):
    """Turns the config of a graph into those of the nodes within it."""

    def resolve(self, given: Any, where: str) -> RunConfig | Mapping[str, Any]:
        """Return them by name. Raises InvalidConfigError, naming `where`."""


def settle_configs(
    wanted: Mapping[Path, type[Config] | None],
    run_config: RunConfig | Mapping[str, Any] | None,
    needed: Iterable[Path] | None = None,
    graphs: Mapping[Path, GraphConfig] | None = None,
) -> dict[Path, NodeConfig]:
    """Return the config of each node that is needed and takes one.

    `wanted` has every node that a run config may name, with its Config or None; without `needed` all are.
    `graphs` give configs to the ops within them, outer ones first.
    Raises InvalidConfigError with all that is wrong: unknown names and fields, wrong and missing values.
    """
    problems: list[str] = []
    given = _by_node(wanted, read_sections(run_config).ops, problems) if run_config is not None else {}
    asked = set(wanted if needed is None else needed)
    for path, config_of in (graphs or {}).items():
        if path in given or any(one[: len(path)] == path for one in asked):
            _give_inside(path, config_of, given, problems)
    configs = {}
    for path in dict.fromkeys((*(wanted if needed is None else needed), *given)):
        kind = wanted.get(path)
        if kind is None:
            if given.get(path):
                problems.append(f"the run config names {shown(path)}, which has no config parameter")
            continue
        try:
            config = make_config(kind, given.get(path), f"the config of {shown(path)}")
            if path in asked:
                configs[path] = _settled(config)
        except InvalidConfigError as error:
            problems.append(str(error))
    refuse(problems)
    return configs


def settle_resources(
    resources: Mapping[str, Any], names: Iterable[str], given: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the named resources, those that there are, as this run has them, and the secret texts in them.

    `given` has the fields that the run config gives to resources, by name: `read_sections(…).resources`.
    Raises InvalidConfigError with all that is wrong: unknown names and fields, variables that are not set.
    """
    given = given or {}
    problems = [
        f"the run config names {name!r}, no resource{nearest(name, resources)}"
        for name in given
        if name not in resources
    ]
    settling = _Settling(resources, given, problems)
    found = {name: settling.made(resources[name]) for name in sorted(needed_names(resources, names))}
    settling.check_rest()
    refuse(problems)
    return found, frozenset(settling.resolving.secrets)


def needed_names(resources: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return the names, those that there are, and the names of what these require."""
    found: set[str] = set()
    waiting = [name for name in names if name in resources]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one for one in required_keys(resources[name]) if one in resources]
    return found


class _Settling:
    """Gives each resource, also one within others, what this run says of it; each once."""

    def __init__(self, resources: Mapping[str, Any], given: Mapping[str, Any], problems: list[str]) -> None:
        self._names = {id(one): name for name, one in resources.items()}
        self._resources = resources
        self._given = given
        self._problems = problems
        self._checked: set[str] = set()
        self.resolving = Resolving()

    def made(self, found: Any) -> Any:
        """Return a resource with its environment variables replaced; say what is wrong with it."""
        for one in nested(found):
            self.made(one)
        if id(found) not in self.resolving.known:
            try:
                self.resolving.known[id(found)] = self.resolving(self._configured(found))
            except InvalidConfigError as error:
                self._problems.append(str(error))
                self.resolving.known[id(found)] = found
        return self.resolving.known[id(found)]

    def check_rest(self) -> None:
        """Say what is wrong with what the run config gives to resources that no step takes."""
        for name in self._given.keys() - self._checked:
            if name in self._resources:
                try:
                    self._configured(self._resources[name])
                except InvalidConfigError as error:
                    self._problems.append(str(error))

    def _configured(self, found: Any) -> Any:
        name = self._names.get(id(found), "")
        self._checked.add(name)
        where, given = f"the config of resource {name!r}", self._given.get(name)
        if isinstance(given, Fields):
            given = given.given()
        if isinstance(found, ResourceDefinition):
            config = self.resolving(found.settled(given, where))
            return found.configured(config)
        if isinstance(found, AtLaunch) and not name:
            return found
        if isinstance(found, AtLaunch) or (
            given is not None and isinstance(found, ConfigurableResourceFactory)
        ):
            return configured(found, given or {}, where)
        if given is not None:
            raise InvalidConfigError(f"{where}: a {type(found).__name__} takes no config")
        return found


def _give_inside(path: Path, config_of: GraphConfig, given: dict[Path, Any], problems: list[str]) -> None:
    """Replace what is given to a graph by what it makes of that for the ops within it."""
    where = f"the config of {shown(path)}" if path else "the run config, ops"
    below = [one for one in given if len(one) > len(path) and one[: len(path)] == path]
    if below:
        problems.append(f"{where}: the graph gives its ops their config itself; leave out {shown(below[0])}")
        return
    try:
        inside = config_of.resolve(given.pop(path, None), where)
    except InvalidConfigError as error:
        problems.append(str(error))
        return
    if isinstance(inside, RunConfig):
        inside = inside.ops
    given.update(given_by_path(inside, path, problems, loose=True))


def _by_node(wanted: Mapping[Path, Any], given: Mapping[Path, Any], problems: list[str]) -> dict[Path, Any]:
    """Return what is given by the paths of nodes; "prefix__name" also means the asset "prefix/name"."""
    if not given:
        return {}
    below: dict[Path, dict[str, None]] = defaultdict(dict)
    for path in wanted:
        for depth, name in enumerate(path):
            below[path[:depth]][name] = None
    found = {}
    for path, fields in given.items():
        real: Path = ()
        for name in path:
            known = below[real]
            key = name if name in known else name.replace("__", "/")
            if key not in known:
                what = (
                    f"in {shown(real)} names {name!r}, no op of it"
                    if real
                    else f"names {name!r}, no asset or op"
                )
                problems.append(f"the run config {what}{nearest(key, known)}")
                break
            real = (*real, key)
        else:
            found[real] = fields
    return found


def _settled(config: Config) -> NodeConfig:
    recorded = config.recorded()
    secrets = frozenset(config.secrets())
    return NodeConfig(config.resolved(), recorded, config_digest(recorded), secrets)
