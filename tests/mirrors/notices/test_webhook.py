"""Notices that are posted: what arrives, what is tried again, and that the URL stays a secret."""

from __future__ import annotations

import pytest

from mlorch.mirrors.notices import Notice
from mlorch.mirrors.notices.webhook import WebhookNotifier
from tests.receivers import hook

NOTICE = Notice(
    id="shop-7-1000",
    kind="failure",
    at=1.0,
    title="shop: a <b> failed",
    text="x < 1 & y",
    fields={"run_id": "r"},
)


def test_what_is_posted_has_a_text_for_chats_and_all_of_it_for_programs() -> None:
    with hook() as server:
        assert WebhookNotifier(lambda: server.url).send(NOTICE) == ""
    (posted,), (headers,) = server.posted, server.headers
    assert posted["text"] == "*shop: a &lt;b&gt; failed*\nx &lt; 1 &amp; y"
    assert posted["notice"] == {
        "id": "shop-7-1000",
        "kind": "failure",
        "at": 1.0,
        "title": "shop: a <b> failed",
        "text": "x < 1 & y",
        "fields": {"run_id": "r"},
    }
    assert headers["X-Mlorch-Notice"] == "shop-7-1000"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("answer", [302, 401, 404, 429, 500, 503])
def test_what_may_go_well_later_is_to_be_sent_again(answer: int) -> None:
    with hook(answer) as server:
        notifier = WebhookNotifier(lambda: server.url)
        with pytest.raises(ConnectionError, match=f"the server answered {answer}") as raised:
            notifier.send(NOTICE)
        assert "s3cr3t" not in str(raised.value)
        assert notifier.send(NOTICE) == ""
    assert len(server.posted) == 2


@pytest.mark.parametrize("answer", [400, 413, 422])
def test_what_is_refused_is_said_and_not_sent_again(answer: int) -> None:
    with hook(answer) as server:
        said = WebhookNotifier(lambda: server.url).send(NOTICE)
    assert said.startswith(f"refused 'shop: a <b> failed': it answered {answer}")


def test_nobody_waits_for_a_server_that_does_not_answer() -> None:
    with hook() as server:
        server.is_silent.set()
        with pytest.raises(ConnectionError, match=r"did not answer within 0\.2 s"):
            WebhookNotifier(lambda: server.url, timeout=0.2).send(NOTICE)


@pytest.mark.parametrize(
    "url",
    [
        "s3cr3t",
        "http://",
        "ftp://127.0.0.1/s3cr3t",
        "http://127.0.0.1:1/s3cr3t",
        "http://127.0.0.1:s3cr3t/",
        "http://s3cr3t.invalid/",
        "https://127.0.0.1/a s3cr3t",
    ],
)
def test_a_url_that_leads_nowhere_is_tried_again_and_stays_a_secret(url: str) -> None:
    with pytest.raises(ConnectionError) as raised:
        WebhookNotifier(lambda: url).send(NOTICE)
    assert "s3cr3t" not in str(raised.value)
