"""One step: what its function may return and raise, what is kept of it, and what is said where it fails."""

from __future__ import annotations

import functools
import resource
import subprocess
from collections.abc import Iterator

import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandera.typing import DataFrame

from mlorch import (
    AssetSpec,
    ConfigurableResource,
    DataVersion,
    Definitions,
    EnvVar,
    Instance,
    IOManager,
    MaterializeResult,
    Output,
    asset,
    load_asset,
    materialize,
)
from mlorch.app.materializing import Request, run_request
from mlorch.definitions.io import StoredValue
from mlorch.errors import NotFoundError, TypeCheckError
from mlorch.execution.arguments import path_of

MEGABYTE = 1_000_000


def failure(*assets, instance=None, **more):
    """The error of the one step that fails."""
    result = materialize(assets, instance=instance, raise_on_error=False, **more)
    (failed,) = result.failures
    return failed.error


def test_a_generator_may_yield_its_one_result():
    def rows() -> Iterator[Output[int]]:
        print("before")
        yield Output(3, metadata={"rows": 1}, data_version=DataVersion("v1"))
        print("after")

    instance = Instance.ephemeral()
    result = materialize([asset(name="rows")(rows)], instance=instance)
    made = result.materializations[0]
    assert (result.asset_value("rows"), made.metadata, made.data_version) == (3, {"rows": 1}, "v1")
    (printed,) = (one.event for one in instance.log.read(kinds={"output_captured"}))
    assert printed.stdout == "before\nafter\n"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "did not give its output 'result'"), (2, "gave its output 'result' twice")]
)
def test_a_generator_that_does_not_yield_one_result_is_the_users_mistake(count, said):
    def rows():
        yield from range(count)

    with pytest.raises(TypeCheckError, match="asset 'rows' " + said):
        materialize([asset(rows)])


def test_a_value_in_a_materialize_result_is_kept():
    @asset
    def told() -> MaterializeResult[list[int]]:
        return MaterializeResult(value=[1], metadata={"rows": 1})

    result = materialize([told])
    assert result.asset_value("told") == [1]
    assert result.materializations[0].metadata["rows"] == 1


class Panic(BaseException):
    """As the panics of libraries in Rust are."""


@pytest.mark.parametrize("executor", ["in_process", "threads"])
@pytest.mark.parametrize("error", [SystemExit(3), Panic("index out of bounds")], ids=["exit", "panic"])
def test_what_is_no_exception_fails_its_step_and_not_the_run(error, executor):
    def ends():
        raise error

    def other() -> int:
        return 1

    assets = Definitions([asset(ends), asset(other)])
    result = run_request(assets, Instance.ephemeral(), Request(executor=executor))
    assert [one.error["type"] for one in result.failures] == [type(error).__name__]
    assert [one.step for one in result.materializations] == ["other"]
    assert result.exit_code == 1


def test_a_traceback_starts_at_the_users_function_through_decorators_and_generators():
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **given):
            return function(*args, **given)

        return wrapper

    def helper():
        return 1 // 0

    @asset
    @traced
    def wrapped():
        helper()

    @asset
    def lazy():
        yield helper()

    for one, name in ((wrapped, "wrapped"), (lazy, "lazy")):
        lines = failure(one)["traceback"].splitlines()
        assert lines[1].endswith(f"in {name}")
        assert any(line.endswith("in helper") for line in lines)
        assert lines[-1].startswith("ZeroDivisionError")


class Leaky(IOManager):
    """Fails in code of its own."""

    def handle_output(self, context, obj):
        return self.send(obj)

    def send(self, obj):
        raise ConnectionError("no route")

    def load_input(self, context):
        raise NotImplementedError


def test_a_traceback_of_other_code_of_the_user_starts_there():
    @asset(io_manager_key="leaky")
    def sent() -> int:
        return 1

    lines = failure(sent, resources={"leaky": Leaky()})["traceback"].splitlines()
    assert lines[1].endswith("in handle_output")
    assert not any("mlorch/execution" in line for line in lines)


class Labels(pa.DataFrameModel):
    label: str = pa.Field(isin=["a", "b"])


class Source(ConfigurableResource):
    password: str


def test_secrets_are_masked_in_the_report_of_a_schema_too(monkeypatch):
    @asset
    def labels(source: Source) -> DataFrame[Labels]:
        return pd.DataFrame({"label": ["a", f"x{source.password}x"]})  # type: ignore[return-value]

    monkeypatch.setenv("PASSWORD", "tops3cret")
    instance = Instance.ephemeral()
    failure(labels, instance=instance, resources={"source": Source(password=EnvVar("PASSWORD"))})
    text = "".join(repr(one) for one in instance.log.read())
    assert "x***x" in text
    assert "tops3cret" not in text


def test_a_value_of_a_function_that_keeps_none_can_not_be_read():
    @asset
    def notified() -> None:
        return None

    @asset
    def reads(notified):
        return notified

    error = failure(notified, reads)
    assert (error["type"], error["exit_code"], error["traceback"]) == ("NotFoundError", 2, "")
    assert "notified has no value that could be loaded" in error["message"]


class Table(IOManager):
    """Reads what others keep."""

    def handle_output(self, context, obj) -> StoredValue | None:
        return None

    def load_input(self, context):
        return f"{context.asset_key} for {context.annotation}, {context.uri}"


def test_an_external_value_is_read_by_the_project_own_io_manager_and_by_no_other():
    @asset
    def reads(table: str) -> str:
        return table

    with pytest.raises(NotFoundError, match="table has no value that could be loaded"):
        materialize([AssetSpec("table"), reads])
    result = materialize([AssetSpec("table"), reads], resources={"io_manager": Table()})
    assert result.asset_value("reads") is not None


@given(st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=2, unique=True))
def test_no_two_partitions_of_an_asset_share_a_file(keys):
    one, other = (path_of(("raw", key)) for key in keys)
    assert one != other
    assert one.startswith("raw/")
    assert "/" not in one.removeprefix("raw/")
    assert not one.removeprefix("raw/").startswith(".")


@pytest.fixture
def small_files():
    """No file of this process can grow beyond a megabyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path, needs_program):
    """A disk of three megabytes."""
    mount, umount = needs_program("mount"), needs_program("umount")
    command = [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount, and not in every container")
    yield tmp_path
    subprocess.run([umount, "--lazy", str(tmp_path)], check=True)


def grow(folder):
    """Keep a small value, then one that is too big; check what is left."""
    size = [10]

    @asset(code_version="1")
    def grows() -> bytes:
        return bytes(range(256)) * size[0]

    @asset
    def other(grows: bytes) -> int:
        return len(grows)

    with Instance.local(folder) as instance:
        materialize([grows], instance=instance)
        before = {one: one.read_bytes() for one in (folder / "data").rglob("*") if one.is_file()}
        size[0] = 5 * MEGABYTE // 256
        result = materialize([grows, other], instance=instance, raise_on_error=False)
        assert result.exit_code == 1
        (failed,) = result.failures
        assert failed.error["message"].endswith(
            "no space is left to keep grows; its version before is intact"
        )
        assert failed.error["traceback"] == ""
        assert [one.step for one in result.skipped] == ["other"]
        assert load_asset("grows", instance=instance) == bytes(range(256)) * 10
        after = {one: one.read_bytes() for one in (folder / "data").rglob("*") if one.is_file()}
    assert after == before


def test_a_file_that_may_not_grow_fails_its_step_and_leaves_the_version_before(small_files, tmp_path):
    grow(tmp_path)


def test_a_full_disk_fails_its_step_and_leaves_the_version_before(small_disk):
    grow(small_disk)
