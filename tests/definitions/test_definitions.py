"""Everything that a project declares, in one checked value."""

from __future__ import annotations

from types import ModuleType

import pytest

from mlorch import (
    AssetDep,
    AssetIn,
    AssetSpec,
    ConfigurableResource,
    Definitions,
    IOManager,
    ScheduleDefinition,
    SensorDefinition,
    asset,
    define_asset_job,
    load_assets_from_modules,
    materialize,
)
from mlorch.errors import InvalidDefinitionError, MissingDefinitionError


class Api(ConfigurableResource):
    url: str = "x"


class Shelf(IOManager):
    def handle_output(self, context, obj):
        return None

    def load_input(self, context):
        return None


@asset
def numbers() -> list[int]:
    return [1]


@asset
def total(numbers: list[int]) -> int:
    return sum(numbers)


@asset
def fetched(api: Api) -> str:
    return api.url


@asset(io_manager_key="shelf")
def shelved() -> int:
    return 1


JOB = define_asset_job("nightly")


def module(**values) -> ModuleType:
    made = ModuleType("made")
    vars(made).update(values)
    return made


def test_nothing_is_a_definition_too():
    definitions = Definitions()
    assert (definitions.assets, definitions.jobs, dict(definitions.graph.nodes)) == ((), {}, {})


def test_jobs_are_those_given_and_those_that_schedules_and_sensors_bring():
    other, third = define_asset_job("other"), define_asset_job("third")
    definitions = Definitions(
        [numbers],
        jobs=[JOB],
        schedules=[
            ScheduleDefinition(job=other, cron_schedule="@daily"),
            ScheduleDefinition(job="nightly", cron_schedule="@daily"),
        ],
        sensors=[SensorDefinition(name="s", evaluation_fn=print, job=third)],
    )
    assert set(definitions.jobs) == {"nightly", "other", "third"}
    assert set(definitions.schedules) == {"other_schedule", "nightly_schedule"}
    assert set(definitions.sensors) == {"s"}
    assert definitions.job("other") is other


def test_every_job_of_a_sensor_is_a_job_of_the_definitions():
    others = [define_asset_job("weekly"), define_asset_job("monthly")]
    definitions = Definitions(
        sensors=[SensorDefinition("s", evaluation_fn=print, jobs=[*others, "nightly"])], jobs=[JOB]
    )
    assert set(definitions.jobs) == {"nightly", "weekly", "monthly"}


def test_an_unknown_job_is_named_with_the_nearest():
    with pytest.raises(InvalidDefinitionError, match="there is no job 'nightli'; did you mean 'nightly'"):
        Definitions(jobs=[JOB]).job("nightli")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"jobs": [JOB], "schedules": [ScheduleDefinition(job="nightli", cron_schedule="@daily")]},
            "'nightli_schedule' runs the job 'nightli', which is not declared; did you mean 'nightly'",
        ),
        (
            {"sensors": [SensorDefinition(name="s", evaluation_fn=print, job="gone")]},
            "'s' runs the job 'gone', which is not declared",
        ),
        (
            {"sensors": [SensorDefinition(name="s", evaluation_fn=print, jobs=[JOB, "gone"])]},
            "sensor 's' runs the job 'gone', which is not declared",
        ),
        (
            {"sensors": [SensorDefinition("s", evaluation_fn=print, required_resource_keys={"api"})]},
            "sensor 's' takes the resource 'api', which the definitions do not give",
        ),
        ({"jobs": [JOB, define_asset_job("nightly")]}, "the job 'nightly' is declared twice; rename one"),
        (
            {
                "schedules": [
                    ScheduleDefinition(job=JOB, cron_schedule="@daily"),
                    ScheduleDefinition(job=JOB, cron_schedule="@hourly"),
                ]
            },
            "the schedule 'nightly_schedule' is declared twice",
        ),
        (
            {"assets": [fetched]},
            r"'fetched' takes the resource 'api' \(Api\), which the definitions do not give; add resources=",
        ),
        (
            {"assets": [fetched], "resources": {"ap": Api()}},
            "which the definitions do not give; did you mean 'ap'",
        ),
        ({"assets": [fetched], "resources": {"api": 3}}, "the resource 'api' should be a Api, not a int"),
        (
            {"assets": [shelved], "resources": {"shelv": Shelf()}},
            "'shelved': no resource gives its io_manager_key 'shelf'; did you mean 'shelv'",
        ),
        (
            {"assets": [shelved], "resources": {"shelf": Api()}},
            "'shelved': the resource 'shelf' should be an IOManager, not a Api",
        ),
        (
            {"assets": [numbers], "resources": {"io_manager": 3}},
            "'numbers': the resource 'io_manager' should be an IOManager, not a int",
        ),
    ],
    ids=[
        "schedule without job",
        "sensor without job",
        "sensor without one job",
        "sensor without resource",
        "job twice",
        "schedule twice",
        "no resource",
        "nearest resource",
        "other resource",
        "no io manager",
        "no io manager by key",
        "no io manager by default",
    ],
)
def test_what_contradicts_itself_is_refused_by_name(options, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        _ = Definitions(**options).graph


def test_several_definitions_are_merged_into_one():
    api = Api()
    schedule = ScheduleDefinition(job=JOB, cron_schedule="@daily")
    merged = Definitions.merge(
        Definitions([numbers, fetched], jobs=[JOB], schedules=[schedule], resources={"api": api}),
        Definitions([total, numbers], resources={"api": api}),
    )
    assert set(merged.graph.nodes) == {"numbers", "total", "fetched"}
    assert (set(merged.jobs), set(merged.schedules)) == ({"nightly"}, {"nightly_schedule"})
    assert merged.resources == {"api": api}


def test_definitions_that_differ_on_a_resource_cannot_be_merged():
    parts = [Definitions([fetched], resources={"api": Api(url=url)}) for url in ("a", "b")]
    with pytest.raises(InvalidDefinitionError, match="the resource 'api' is declared twice, differently"):
        Definitions.merge(*parts)


def test_the_assets_of_modules_are_found_once_each_in_their_order():
    table = AssetSpec("table")
    first = module(numbers=numbers, text="no asset", table=table)
    second = module(again=numbers, several=[total, fetched], function=len)
    assert load_assets_from_modules([first, second]) == [numbers, table, total, fetched]


def test_assets_are_placed_under_a_prefix_and_in_a_group_with_what_they_depend_on():
    @asset(ins={"x": AssetIn("numbers")}, deps=[AssetDep("table"), "elsewhere"], group_name="own")
    def reads(x) -> int:
        return len(x)

    found = load_assets_from_modules(
        [module(numbers=numbers, reads=reads, table=AssetSpec("table"))],
        key_prefix=["a", "b"],
        group_name="new",
    )
    graph = Definitions(found).graph
    assert set(graph.nodes) == {"a/b/numbers", "a/b/reads", "a/b/table", "elsewhere"}
    assert graph.nodes["a/b/reads"].upstream == ("a/b/numbers", "a/b/table", "elsewhere")
    assert {node.group for key, node in graph.nodes.items() if key != "elsewhere"} == {"new"}
    assert materialize(found).asset_value("a/b/reads") == 1
    assert str(reads.key) == "reads", "what the module holds stays"


def test_what_one_definitions_lacks_another_may_declare():
    @asset
    def a():
        return 1

    @asset
    def b(a):
        return a

    halves = Definitions([a]), Definitions([b])
    with pytest.raises(MissingDefinitionError, match="no asset produces its argument 'a'"):
        Definitions.validate_loadable(halves[1])
    assert set(Definitions.merge(*halves).graph.nodes) == {"a", "b"}
