"""Each setting says where it came from and gives no secret away; the reference names them all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from mlorch.settings import Setting, explain_settings
from mlorch.settings.explaining import default_of, shown
from mlorch.settings.kinds import KINDS, RULES, VARIABLES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("MLORCH_", "MLFLOW_"))]:
        monkeypatch.delenv(name)


def explained(folder: Path, text: str, **flags: object) -> dict[str, Setting]:
    (folder / "pyproject.toml").write_text(text)
    return {one.name: one for one in explain_settings(folder, flags=flags)}


def test_each_setting_says_who_set_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MLORCH_DATA", "s3://bucket")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow")
    text = """
        [project]
        name = "flights"
        [tool.mlorch]
        data = "here"
        workers = 2
        [tool.mlorch.daemon]
        poll_seconds = 3
        """
    found = explained(tmp_path, text, workers=4)
    file = tmp_path / "pyproject.toml"
    assert list(found) == list(KINDS)
    assert [found[name][1:] for name in ("name", "data", "workers", "executor")] == [
        ("flights", "file", f"{file}, [project]"),
        ("s3://bucket", "variable", "MLORCH_DATA"),
        (4, "flag", "the command line"),
        ("in_process", "default", ""),
    ]
    assert found["daemon.poll_seconds"][1:] == (3.0, "file", f"{file}, [tool.mlorch.daemon]")
    assert found["mlflow.tracking_uri"][1:] == ("http://mlflow", "variable", "MLFLOW_TRACKING_URI")


def test_without_a_name_the_project_is_called_as_its_folder(tmp_path):
    found = explained(tmp_path, '[tool.mlorch]\nname = ""\n')
    assert found["name"] == ("name", tmp_path.name, "default", "the folder's name")


def test_no_secret_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("MLORCH_NOTIFICATIONS_EMAIL_PASSWORD", "s3cr3t")
    monkeypatch.setenv("MLORCH_NOTIFICATIONS_EMAIL_USERNAME", "s3cr3t")
    found = explained(
        tmp_path,
        '[tool.mlorch]\nstorage = "postgresql+psycopg://me:s3cr3t@host/db"\n'
        '[tool.mlorch.mlflow]\ntracking_uri = "https://me:s3cr3t@mlflow"\n'
        '[tool.mlorch.notifications]\nwebhook = "https://hooks.example.org/s3cr3t"\n',
    )
    assert "s3cr3t" not in repr(found)
    assert found["storage"].value == "postgresql+psycopg://me:***@host/db"
    assert found["notifications.webhook"].value == "https://hooks.example.org/***"
    assert found["notifications.email.password"].value == {"env": "MLORCH_NOTIFICATIONS_EMAIL_PASSWORD"}


def test_a_password_behind_the_path_is_not_shown_either(tmp_path):
    url = "postgresql+psycopg://host/db?user=me&password=s3cr3t&sslmode=require"
    found = explained(tmp_path, f'[tool.mlorch]\nstorage = "{url}"\n')
    assert found["storage"].value == url.replace("s3cr3t", "***")


def test_a_reference_is_shown_as_it_is_written(tmp_path):
    found = explained(tmp_path, '[tool.mlorch.notifications]\nwebhook = { env = "HOOK" }\n')
    assert found["notifications.webhook"].value == {"env": "HOOK"}


def test_every_default_is_right_by_the_rules():
    for name, kind in KINDS.items():
        default = default_of(name)
        if default is not None:
            value = shown(name, default)
            assert kind.read(value) == default or isinstance(default, tuple), name
            assert name not in RULES or RULES[name].holds(default), name


def test_the_reference_names_every_setting_with_its_default_and_variable():
    rows = re.findall(
        r"^\| `([\w.]+)` \| (?:`([^`]*)`)? ?\| (?:`(MLORCH_\w+)`)? ?\| .+ \|$", REFERENCE.read_text(), re.M
    )
    documented = {name: (default, variable) for name, default, variable in rows}
    variables = {name: variable for variable, name in VARIABLES.items()}
    assert list(documented) == list(KINDS)
    assert documented == {name: (written(name), variables.get(name, "")) for name in KINDS}


def written(name: str) -> str:
    value = shown(name, default_of(name))
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
