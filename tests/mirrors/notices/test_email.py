"""Notices that are mailed: what arrives, encrypted or not, and what becomes of what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlorch.mirrors.notices import Notice
from mlorch.mirrors.notices.email import EmailNotifier, Mailbox
from tests.receivers import certificate, free_port, mails

NOTICE = Notice(
    id="shop-7-1000",
    kind="failure",
    at=1_700_000_000.0,
    title="shop: drift\nof größe",
    text="größe ≥ 1\n.\nend",
)


def mailbox(port: int, **values: Any) -> Mailbox:
    given = {
        "starttls": False,
        "sender": "mlorch <bot@example.org>",
        "recipients": ["a@example.org"],
        **values,
    }
    return Mailbox(host="127.0.0.1", port=port, **given)


def test_a_notice_is_one_mail_to_everybody() -> None:
    with mails() as server:
        box = mailbox(server.port, recipients=["a@example.org", "b@example.org"])
        assert EmailNotifier(box).send(NOTICE) == ""
        assert EmailNotifier(box).send(NOTICE) == ""
    one, other = server.taken
    assert one["Subject"] == "[mlorch] shop: drift of größe"
    assert (one["From"], one["To"]) == ("mlorch <bot@example.org>", "a@example.org, b@example.org")
    assert one.get_content().splitlines() == ["größe ≥ 1", ".", "end"]
    assert one["X-Mlorch-Notice"] == "shop-7-1000"
    # The same notice sent twice is the same mail, to those who look.
    assert one["Message-ID"] == other["Message-ID"] == "<shop-7-1000@example.org>"
    assert one["Date"] == "Tue, 14 Nov 2023 22:13:20 -0000"


def test_password_and_mail_are_sent_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with mails(path, "sesame") as server:
        box = mailbox(server.port, starttls=True, login=lambda: ("ada", "sesame"))
        assert EmailNotifier(box).send(NOTICE) == ""
    assert server.logins == [("ada", "sesame")]
    assert server.encrypted == [True]


def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    with mails(certificate(tmp_path), "sesame") as server:
        box = mailbox(server.port, starttls=True, login=lambda: ("ada", "sesame"))
        with pytest.raises(ConnectionError, match="certificate verify failed"):
            EmailNotifier(box).send(NOTICE)
    assert (server.logins, server.taken) == ([], [])


def test_without_encryption_nothing_is_sent_where_it_is_asked_for() -> None:
    with mails() as server, pytest.raises(ConnectionError, match="STARTTLS extension not supported"):
        EmailNotifier(mailbox(server.port, starttls=True)).send(NOTICE)
    assert server.taken == []


def test_a_wrong_password_is_said_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with mails(path, "sesame") as server:
        box = mailbox(server.port, starttls=True, login=lambda: ("ada", "s3cr3t"))
        with pytest.raises(ConnectionError, match="the mail server answered 535") as raised:
            EmailNotifier(box).send(NOTICE)
    assert "s3cr3t" not in str(raised.value)


def test_those_who_can_be_reached_are_told_and_the_others_named() -> None:
    with mails() as server:
        server.unknown = {"gone@example.org"}
        box = mailbox(server.port, recipients=["gone@example.org", "a@example.org"])
        said = EmailNotifier(box).send(NOTICE)
        assert said == "the mail server refused gone@example.org: 550 nobody of this name"
        assert len(server.taken) == 1
        with pytest.raises(ConnectionError, match="refused gone@"):
            EmailNotifier(mailbox(server.port, recipients=["gone@example.org"])).send(NOTICE)


def test_a_mail_that_is_not_taken_now_is_sent_again_and_one_that_never_is_is_not() -> None:
    with mails() as server:
        notifier = EmailNotifier(mailbox(server.port))
        server.answer = "451 try later"
        with pytest.raises(ConnectionError, match="451 try later"):
            notifier.send(NOTICE)
        server.answer = "554 looks like spam"
        assert "554 looks like spam" in notifier.send(NOTICE)


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with pytest.raises(ConnectionError, match="the mail server can't be reached"):
        EmailNotifier(mailbox(free_port())).send(NOTICE)
