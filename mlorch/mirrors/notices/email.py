"""Notices as mails, through an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, parseaddr

from mlorch.mirrors.notices.notices import Notice

_TIMEOUT = 20.0
_ENCRYPTED = 465
"""The port at which encryption comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """Who sends to whom, and over which server."""

    host: str
    port: int
    starttls: bool
    sender: str
    recipients: Sequence[str]
    login: Callable[[], tuple[str, str] | None] = lambda: None
    """Returns user name and password; asked each time that something is sent."""


class EmailNotifier:
    """Sends each notice as one mail to all recipients."""

    name = "e-mail"

    def __init__(self, mailbox: Mailbox, *, timeout: float = _TIMEOUT) -> None:
        self._mailbox = mailbox
        self._timeout = timeout

    def send(self, notice: Notice) -> str:
        message = mail(notice, self._mailbox)
        try:
            with self._connection() as connection:
                refused = connection.send_message(message)
        except smtplib.SMTPDataError as error:
            if error.smtp_code < 500:
                raise ConnectionError(f"the mail server answered {_answer(error)}") from None
            return f"refused {notice.title!r}: the mail server answered {_answer(error)}"
        except smtplib.SMTPRecipientsRefused as error:
            raise ConnectionError(f"the mail server refused {_listed(error.recipients)}") from None
        except smtplib.SMTPResponseException as error:
            raise ConnectionError(f"the mail server answered {_answer(error)}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise ConnectionError(f"the mail server can't be reached: {error}") from None
        return f"the mail server refused {_listed(refused)}" if refused else ""

    def _connection(self) -> smtplib.SMTP:
        box, context = self._mailbox, ssl.create_default_context()
        if box.port == _ENCRYPTED:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                box.host, box.port, timeout=self._timeout, context=context
            )
        else:
            connection = smtplib.SMTP(box.host, box.port, timeout=self._timeout)
        try:
            if box.starttls and box.port != _ENCRYPTED:
                connection.starttls(context=context)
            login = box.login()
            if login is not None:
                connection.login(*login)
        except BaseException:
            connection.close()
            raise
        return connection


def mail(notice: Notice, box: Mailbox) -> EmailMessage:
    """Return the mail. The same notice always has the same Message-ID, so that a second one can be told."""
    message = EmailMessage()
    message["Subject"] = f"[mlorch] {' '.join(notice.title.split())}"
    message["From"] = box.sender
    message["To"] = ", ".join(box.recipients)
    message["Date"] = formatdate(notice.at)
    message["Message-ID"] = f"<{notice.id}@{parseaddr(box.sender)[1].rpartition('@')[2] or 'mlorch.invalid'}>"
    message["X-Mlorch-Notice"] = notice.id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.text)
    return message


def _answer(error: smtplib.SMTPResponseException) -> str:
    text = error.smtp_error
    return f"{error.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"


def _listed(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(
        f"{who}: {code} {text.decode(errors='replace')}" for who, (code, text) in refused.items()
    )
