"""mlorch notify: whether those who are notified can be reached."""

from __future__ import annotations

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
