"""mlorch notify: whether those who are notified can be reached."""

from __future__ import annotations

import json

from tests.cli.conftest import SETTINGS
from tests.receivers import hook


def test_a_notice_is_sent_and_what_does_not_arrive_ends_with_1(project, monkeypatch):
    assert project("notify").code == 2
    section = '[tool.mlorch.notifications]\nwebhook = { env = "HOOK" }\n'
    project.write("pyproject.toml", SETTINGS + section)
    with hook(200, 500) as server:
        monkeypatch.setenv("HOOK", server.url)
        answer = project("notify", "hello, people")
        assert (answer.code, answer.out) == (0, "webhook: sent\n")
        answer = project("notify")
        assert (answer.code, answer.err) == (1, "webhook: the server answered 500 Internal Server Error\n")
    assert server.posted[0]["notice"]["text"] == "hello, people"


def test_what_could_not_be_sent_waits(project, monkeypatch):
    section = '[tool.mlorch.notifications]\nwebhook = { env = "HOOK" }\n'
    project.write("pyproject.toml", SETTINGS + section)
    project.write("shop.py", "from mlorch import asset\n\n\n@asset\ndef broken():\n    raise ValueError\n")
    with hook(*[503] * 9) as server:
        monkeypatch.setenv("HOOK", server.url)
        answer = project("materialize", "broken")
        assert answer.code == 1
        assert "webhook: the server answered 503 Service Unavailable; 1 notices wait" in answer.err
        assert "webhook: 1 notices wait to be told; 'mlorch mirror' tells them" in project("status").out
        assert json.loads(project("mirror", "--status", "--json").out) == {"webhook": 1}
        server.answers.clear()
        assert project("mirror").err.endswith("up to date: webhook\n")
        assert project("mirror", "--status").out == "webhook: up to date\n"
    assert len({one["notice"]["id"] for one in server.posted}) == 1
