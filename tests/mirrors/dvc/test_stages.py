"""What facts amount to as stages, told by facts alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from hashlib import md5
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlorch.events import AssetMaterialized, Input
from mlorch.log import Slot
from mlorch.mirrors.dvc.groups import stage_name
from mlorch.mirrors.dvc.places import Entry, Made
from mlorch.mirrors.dvc.stages import UNDECLARED, Code, Metrics, Stage, make_stages


class History:
    """Facts in the order of their numbers."""

    def __init__(self) -> None:
        self.facts: list[AssetMaterialized] = []
        self.made: dict[Slot, Made] = {}
        self.run = "run-1"

    def make(
        self,
        asset: str,
        partition: str | None = None,
        *,
        content: str = "",
        reads: Sequence[Slot] = (),
        **more: object,
    ) -> None:
        slot = (asset, partition)
        fact = AssetMaterialized(
            run_id=self.run,
            at=0.0,
            step=asset,
            asset=asset,
            partition=partition,
            content_hash=md5(f"{slot}{content}".encode()).hexdigest(),
            size=10,
            uri=f"data/{asset}.json" if partition is None else f"data/{asset}/{partition}.json",
            inputs=tuple(
                Input(*read, "v", self.made[read].seq if read in self.made else None) for read in reads
            ),
        )
        self.facts.append(replace(fact, **more))  # type: ignore[arg-type]
        self.made[slot] = Made(len(self.facts), self.facts[-1])

    def stages(self, defined: dict[str, str | None] | None = None) -> dict[str, Stage]:
        def past(asset: str, numbers: Collection[int]) -> dict[int, AssetMaterialized]:
            found = {number: self.facts[number - 1] for number in numbers}
            assert {fact.asset for fact in found.values()} == {asset}
            return found

        return {stage.name: stage for stage in make_stages(self.made, past, defined)}


def is_fresh(stages: dict[str, Stage], consumer: str, upstream: str) -> bool:
    """Tell whether DVC would find what the consumer was made from unchanged."""
    return set(stages[upstream].outs) <= set(stages[consumer].consumed)


# Where values lie


def test_a_value_is_a_file_and_partitions_are_a_directory() -> None:
    history = History()
    history.make("model")
    history.make("flights", "2013-02")
    history.make("flights", "2013-01")
    stages = history.stages()
    assert [entry.path for entry in stages["model"].outs] == ["data/model.json"]
    (flights,) = stages["flights"].outs
    assert (flights.path, flights.size, flights.files) == ("data/flights", 20, 2)
    names = [
        f'"md5": "{history.made["flights", key].fact.content_hash}", "relpath": "{key}.json"'
        for key in ("2013-01", "2013-02")
    ]
    content = "[" + ", ".join(f"{{{name}}}" for name in names) + "]"
    assert [held.manifest for held in stages["flights"].held] == [content.encode()]
    assert flights.md5 == md5(content.encode()).hexdigest() + ".dir"


def test_what_lies_elsewhere_or_was_not_kept_is_left_out() -> None:
    history = History()
    history.make("remote", uri="s3://bucket/remote.json")
    history.make("absolute", uri="/elsewhere/absolute.json")
    history.make("outside", uri="data/../../outside.json")
    history.make("nothing", uri=None, content_hash=None, size=None)
    history.make("model", reads=[("remote", None), ("nothing", None)])
    assert list(history.stages()) == ["model"]
    assert history.stages()["model"].deps == ()


def test_an_asset_that_was_partitioned_later_is_what_its_newest_value_says() -> None:
    history = History()
    history.make("flights")
    history.make("flights", "2013-01")
    assert [entry.path for entry in history.stages()["flights"].outs] == ["data/flights"]
    history.make("flights")
    assert [entry.path for entry in history.stages()["flights"].outs] == ["data/flights.json"]


def test_folders_in_a_partition_and_prefixes_in_a_key_are_told_apart() -> None:
    history = History()
    history.make("data/flights", "eu/2013")
    history.make("data/flights", "us/2013")
    (flights,) = history.stages()["data--flights"].outs
    assert (flights.path, flights.files) == ("data/data/flights", 2)


def test_a_directory_with_another_asset_inside_is_given_file_by_file() -> None:
    history = History()
    history.make("flights", "2013-01")
    history.make("flights", "2013-02")
    history.make("flights/count", reads=[("flights", "2013-01")])
    stages = history.stages()
    files = ["data/flights/2013-01.json", "data/flights/2013-02.json"]
    assert [entry.path for entry in stages["flights"].outs] == files
    assert [held.manifest for held in stages["flights"].held] == [None]
    assert list(stages["flights--count"].deps) == files
    assert stages["flights--count"].consumed == stages["flights"].outs


def test_of_two_assets_under_one_path_the_later_has_it() -> None:
    history = History()
    history.make("old", uri="data/same.json")
    history.make("new", uri="data/same.json")
    assert list(history.stages()) == ["new"]


# What was read


def test_a_fresh_consumer_stands_on_what_is_there() -> None:
    history = History()
    history.make("flights", "1")
    history.make("flights", "2")
    history.make("model", reads=[("flights", "1"), ("flights", "2")])
    assert history.stages()["model"].consumed == history.stages()["flights"].outs


def test_a_consumer_stands_on_what_it_read_until_it_is_made_again() -> None:
    history = History()
    history.make("flights")
    before = history.stages()["flights"].outs
    history.make("model", reads=[("flights", None)])
    history.run = "run-2"
    history.make("flights", content="corrected")
    stages = history.stages()
    assert stages["model"].consumed == before != stages["flights"].outs
    history.make("model", reads=[("flights", None)])
    assert is_fresh(history.stages(), "model", "flights")


def test_one_partition_made_again_changes_the_directory_for_who_read_it() -> None:
    history = History()
    for key in "123":
        history.make("flights", key)
        history.make("features", key, reads=[("flights", key)])
    history.run = "run-2"
    history.make("flights", "2", content="corrected")
    assert not is_fresh(history.stages(), "features", "flights")
    history.make("features", "1", reads=[("flights", "1")])
    assert not is_fresh(history.stages(), "features", "flights")
    history.make("features", "2", reads=[("flights", "2")])
    assert is_fresh(history.stages(), "features", "flights")


def test_the_oldest_version_that_a_value_stands_on_counts() -> None:
    history = History()
    history.make("holidays")
    for key in "12":
        history.make("features", key, reads=[("holidays", None)])
    history.make("holidays", content="corrected")
    history.make("features", "2", reads=[("holidays", None)])
    assert not is_fresh(history.stages(), "features", "holidays")
    history.make("features", "1", reads=[("holidays", None)])
    assert is_fresh(history.stages(), "features", "holidays")


def test_equal_bytes_are_no_change() -> None:
    history = History()
    history.make("flights", "1")
    history.make("model", reads=[("flights", "1")])
    history.run = "run-2"
    history.make("flights", "1")
    assert is_fresh(history.stages(), "model", "flights")


def test_a_new_partition_is_a_change_until_the_consumer_is_made_after_it() -> None:
    history = History()
    history.make("flights", "1")
    history.make("last", reads=[("flights", "1")])
    history.run = "run-2"
    history.make("flights", "2")
    assert not is_fresh(history.stages(), "last", "flights")
    history.make("last", reads=[("flights", "2")])
    assert is_fresh(history.stages(), "last", "flights")


def test_what_a_run_makes_after_the_consumer_without_it_reading_that_is_no_change() -> None:
    history = History()
    history.make("flights", "2")
    history.make("last", reads=[("flights", "2")])
    history.make("flights", "1")
    assert is_fresh(history.stages(), "last", "flights")


def test_what_was_read_long_ago_and_is_forgotten_is_a_change() -> None:
    history = History()
    history.make("flights")
    history.make("model", reads=[("flights", None)])
    history.make("flights", content="corrected")
    (_, model) = make_stages(history.made, lambda asset, numbers: {}, None)
    assert (model.deps, model.consumed) == (("data/flights.json",), ())


def test_an_asset_does_not_depend_on_itself() -> None:
    history = History()
    history.make("state", "1")
    history.make("state", "2", reads=[("state", "1")])
    assert history.stages()["state"].deps == ()


def test_definitions_turned_around_make_no_circle() -> None:
    history = History()
    history.make("a")
    history.make("b", reads=[("a", None)])
    history.make("a", reads=[("b", None)])
    stages = history.stages()
    assert (stages["a"].deps, stages["b"].deps) == (("data/b.json",), ())


@given(
    st.lists(st.tuples(st.sampled_from("123"), st.sampled_from("xy"), st.booleans()), max_size=12),
)
def test_a_consumer_of_everything_is_fresh_exactly_when_it_was_made_from_the_same_bytes(
    steps: list[tuple[str, str, bool]],
) -> None:
    history, read = History(), None
    history.make("flights", "1")
    for number, (key, content, is_read) in enumerate(steps):
        history.run = f"run-{number}"
        history.make("flights", key, content=content)
        if is_read:
            keys = sorted(key for asset, key in history.made if asset == "flights" and key)
            history.make("model", reads=[("flights", key) for key in keys])
            read = history.stages()["flights"].outs
    if read is not None:
        stages = history.stages()
        assert is_fresh(stages, "model", "flights") == (read == stages["flights"].outs)


# What is made together


def together(*assets: str) -> dict[str, Any]:
    return {"step": "split", "definition": {"together": list(assets)}}


def test_what_is_made_together_is_one_stage_that_makes_all_of_it() -> None:
    history = History()
    history.make("raw")
    both = together("train", "test", "nothing kept")
    history.make("train", reads=[("raw", None)], code_version="1", is_code_declared=True, **both)
    history.make("test", reads=[("train", None)], metrics={"rows": 2}, **both)
    history.make("nothing kept", uri=None, content_hash=None, **both)
    history.make("model", reads=[("train", None), ("test", None)])
    stages = history.stages()
    assert list(stages) == ["model", "raw", "split"]
    split = stages["split"]
    assert split.command == "mlorch materialize train test nothing kept"
    assert [entry.path for entry in split.outs] == ["data/test.json", "data/train.json"]
    assert split.deps == ("data/raw.json",)
    assert split.codes == (Code("train", "1", "1"),)
    assert [one.entry.path for one in split.metrics] == ["metrics/test.json"]
    assert stages["model"].deps == ("data/test.json", "data/train.json")
    assert is_fresh(stages, "model", "split")


def test_what_is_made_together_is_as_old_as_what_it_read() -> None:
    history = History()
    history.make("raw")
    for asset in ("train", "test"):
        history.make(asset, reads=[("raw", None)], **together("train", "test"))
    assert is_fresh(history.stages(), "split", "raw")
    history.run = "run-2"
    history.make("raw", content="changed")
    assert not is_fresh(history.stages(), "split", "raw")
    for asset in ("train", "test"):
        history.make(asset, reads=[("raw", None)], **together("train", "test"))
    assert is_fresh(history.stages(), "split", "raw")


def test_partitions_made_together_are_directories_of_one_stage() -> None:
    history = History()
    for partition in ("1", "2"):
        for asset in ("train", "test"):
            history.make(asset, partition, **{**together("train", "test"), "step": f"split[{partition}]"})
    (split,) = history.stages().values()
    assert split.name == "split"
    assert split.command.endswith(" train test --all-partitions --stale")
    assert [(entry.path, entry.files) for entry in split.outs] == [("data/test", 2), ("data/train", 2)]


def test_a_function_called_like_an_asset_gets_a_name_of_its_own() -> None:
    history = History()
    history.make("split")
    history.make("train", **together("train", "test"))
    names = list(history.stages())
    assert names[0] == "split"
    assert names[1].startswith("split-")


def test_what_is_no_longer_defined_is_not_selected_with_the_others() -> None:
    history = History()
    history.make("train", **together("train", "test"))
    (stage,) = history.stages({"train": None}).values()
    assert (stage.name, stage.command) == ("train", "mlorch materialize train")


def test_circles_between_what_is_made_together_are_broken() -> None:
    history = History()
    history.make("model", content="old")
    history.make("train", reads=[("model", None)], **together("train", "test"))
    history.make("test", **together("train", "test"))
    history.make("model", reads=[("test", None)])
    stages = history.stages()
    assert stages["model"].deps == ("data/test.json",)
    assert stages["split"].deps == ()


# Code, metrics, names


def test_code_of_now_and_code_of_then() -> None:
    history = History()
    history.make("flights", "1", code_version="1", is_code_declared=True)
    history.make("flights", "2", code_version="2", is_code_declared=True)
    history.make("model", code_version="run-1", is_code_declared=False)
    stages = history.stages()
    assert stages["flights"].codes == (Code("flights", "2", "1, 2"),)
    assert stages["model"].codes == ()
    assert history.stages({"model": "1"})["model"].codes == (Code("model", "1", UNDECLARED),)
    history.make("flights", "1", code_version="2", is_code_declared=True)
    assert history.stages()["flights"].codes == (Code("flights", "2", "2"),)


def test_only_what_is_defined_with_the_code_that_it_has_now() -> None:
    history = History()
    history.make("removed")
    history.make("model", reads=[("removed", None)], code_version="1", is_code_declared=True)
    stages = history.stages({"model": "2", "never made": "1"})
    assert {name: (stage.deps, stage.codes) for name, stage in stages.items()} == {
        "model": ((), (Code("model", "2", "1"),))
    }


def test_metrics_are_numbers_and_the_last_of_a_series() -> None:
    history = History()
    series = [[0, 0.9], [1, 0.5]]
    history.make("model", metrics={"loss": series, "auc": 0.7, "nan": float("nan"), "none": []})
    history.make("flights", "1", metrics={"rows": 2})
    history.make("flights", "2")
    stages = history.stages()
    text = '{\n  "auc": 0.7,\n  "loss": 0.5\n}\n'
    entry = Entry("metrics/model.json", md5(text.encode()).hexdigest(), len(text))
    assert stages["model"].metrics == (Metrics(entry, text),)
    assert [one.text for one in stages["flights"].metrics] == ['{\n  "1": {\n    "rows": 2\n  }\n}\n']


def test_nothing_measured_is_no_metrics_file() -> None:
    history = History()
    history.make("model", metrics={"nan": float("nan")})
    assert history.stages()["model"].metrics == ()


_PART = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,4}", fullmatch=True)
_KEY = st.lists(_PART, min_size=1, max_size=3).map("/".join)


@given(st.sets(_KEY, min_size=2, max_size=8))
def test_names_of_stages_are_allowed_and_unique(keys: set[str]) -> None:
    names = {stage_name(key) for key in keys}
    assert len(names) == len(keys)
    assert all(character.isalnum() or character in "_-" for name in names for character in name)


def test_the_name_of_a_stage_reads_like_its_asset() -> None:
    assert [stage_name(key) for key in ("model", "raw/flights", "my-model")] == [
        "model",
        "raw--flights",
        "my-model",
    ]
