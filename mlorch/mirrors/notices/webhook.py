"""Notices as JSON, posted to a URL; chats that take Slack's webhooks show its `text`."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mlorch.mirrors.notices.notices import Notice

_TIMEOUT = 10.0
_NEVER_TAKEN = (400, 413, 422)
"""Answers that say that this notice is no good, however often it is sent."""


class WebhookNotifier:
    """Posts to a URL, which is a secret: it stands in no message."""

    name = "webhook"

    def __init__(self, url: Callable[[], str], *, timeout: float = _TIMEOUT) -> None:
        """`url` is asked each time that something is sent."""
        self._url = url
        self._timeout = timeout

    def send(self, notice: Notice) -> str:
        headers = {"Content-Type": "application/json", "User-Agent": "mlorch", "X-Mlorch-Notice": notice.id}
        data = json.dumps(payload(notice)).encode()
        try:
            request = Request(self._url(), data, headers, method="POST")
            with build_opener(_NoRedirect).open(request, timeout=self._timeout):
                return ""
        except HTTPError as error:
            answer = f"{error.code} {error.reason}"
            error.close()
            if error.code in _NEVER_TAKEN:
                return f"refused {notice.title!r}: it answered {answer}"
            raise ConnectionError(f"the server answered {answer}") from None
        except URLError as error:
            raise ConnectionError(f"the server can't be reached: {error.reason}") from None
        except TimeoutError:
            raise ConnectionError(f"the server did not answer within {self._timeout:g} s") from None
        except ValueError:
            raise ConnectionError(
                "the URL of the webhook is none that begins with http:// or https://"
            ) from None
        except (OSError, HTTPException) as error:
            raise ConnectionError(f"the connection broke: {type(error).__name__}") from None


def payload(notice: Notice) -> dict[str, Any]:
    """Return what is posted: a text for chats, in their markup, and everything for programs."""
    return {
        "text": f"*{_escaped(notice.title)}*\n{_escaped(notice.text)}",
        "notice": {
            "id": notice.id,
            "kind": notice.kind,
            "at": notice.at,
            "title": notice.title,
            "text": notice.text,
            "fields": dict(notice.fields),
        },
    }


def _escaped(text: str) -> str:
    """Return a text with the three characters escaped that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _NoRedirect(HTTPRedirectHandler):
    """Follows nothing: what is posted would arrive as an empty GET."""

    def redirect_request(self, *_: Any) -> None:
        return None
