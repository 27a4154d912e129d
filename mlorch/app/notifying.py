"""Telling people: whom the settings name, and what each was not told yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from mlorch.definitions.environment import EnvVar
from mlorch.errors import UserError
from mlorch.log import EventLog, Record
from mlorch.mirrors.notices import NOTICED, Notice, Notifier, notice_of
from mlorch.settings import EmailSettings, Settings

_BATCH = 100


class Notices:
    """Follows the log for one notifier; what was before it was first turned on is not told.

    Each notice is sent at least once, in the order of the facts.
    """

    every = 0.0
    what = "notices"

    def __init__(
        self, notifier: Notifier, log: EventLog, *, project: str, kinds: Collection[str], since: float
    ) -> None:
        """`since` (seconds since the epoch) is when the work began that is followed."""
        self.name = notifier.name
        self._notifier = notifier
        self._log = log
        self._project = project
        self._kinds = kinds
        self._follower = follower_of(notifier.name)
        self._looked = 0
        """Up to here there was nothing to tell."""
        _begin(log, self._follower, since)

    def has_news(self) -> bool:
        newest = self._log.read(limit=1, newest_first=True)
        after = max(self._looked, self._log.position(self._follower))
        if self._log.read(after, kinds=NOTICED, limit=1):
            return True
        self._looked = newest[0].seq if newest else 0
        return False

    def waiting(self) -> int:
        return _count(self._log, self._notifier.name, self._kinds, self._project)

    def drain(self, told: Callable[[int], None]) -> list[str]:
        done, lines = 0, []
        while found := self._log.read(self._log.position(self._follower), kinds=NOTICED, limit=_BATCH):
            for record in found:
                notice = _notice_of(record, self._log, self._project, self._kinds)
                if notice is not None:
                    refused = self._notifier.send(notice)
                    lines += [f"{self.name}: {refused}"] if refused else []
                    done += 1
                    told(done)
                    self._log.advance(self._follower, record.seq)
            self._log.advance(self._follower, found[-1].seq)
        return lines


def follower_of(name: str) -> str:
    """Return the name under which the log keeps how far a notifier came."""
    return f"notices:{name}"


def notifiers_of(settings: Settings) -> list[Notifier]:
    """Return those that the settings name, whatever they are to be told."""
    notifications = settings.notifications
    found: list[Notifier] = []
    if notifications.webhook is not None:
        from mlorch.mirrors.notices.webhook import WebhookNotifier

        url = notifications.webhook
        found.append(WebhookNotifier(lambda: _text(url)))
    if notifications.email.host:
        found.append(_email_of(notifications.email))
    return found


def notices_of(settings: Settings, log: EventLog, since: float) -> list[Notices]:
    """Return a follower of the log for each notifier; none where nothing is to be told."""
    on = settings.notifications.on
    return [
        Notices(one, log, project=settings.name, kinds=on, since=since)
        for one in (notifiers_of(settings) if on else ())
    ]


def notifier_names(settings: Settings) -> list[str]:
    """Return what people call those who are told of something."""
    return [one.name for one in (notifiers_of(settings) if settings.notifications.on else ())]


def notices_waiting(settings: Settings, log: EventLog, limit: int) -> dict[str, int]:
    """Return by notifier how many notices wait to be sent, counting no further than `limit`."""
    names = notifier_names(settings)
    # Where nothing was followed yet, all is old history.
    began = [name for name in names if log.position(f"{follower_of(name)}:began")]
    counts = {name: _count(log, name, settings.notifications.on, settings.name, limit) for name in began}
    return {name: counts.get(name, 0) for name in names}


def notify(settings: Settings, text: str, now: float) -> dict[str, str]:
    """Send a text to everybody who would be notified; return by notifier what stood in the way, or "".

    Raises UserError where nobody would be.
    """
    notifiers: Sequence[Notifier] = notifiers_of(settings)
    if not notifiers:
        raise UserError(
            "nobody is notified: [tool.mlorch.notifications] of pyproject.toml has no webhook and no email; "
            'write webhook = { env = "NAME_OF_THE_VARIABLE_WITH_THE_URL" }'
        )
    notice = Notice(
        id=f"test-{round(now * 1000)}",
        kind="test",
        at=now,
        title=f"{settings.name}: a test",
        text=text,
        fields={"project": settings.name},
    )
    return {one.name: _sent(one, notice) for one in notifiers}


def _sent(notifier: Notifier, notice: Notice) -> str:
    try:
        return notifier.send(notice)
    except (ConnectionError, UserError) as error:
        return str(error)


def _count(log: EventLog, name: str, kinds: Collection[str], project: str, limit: int | None = None) -> int:
    after = log.position(follower_of(name))
    records = log.read(after, kinds=NOTICED, limit=limit)
    return sum(_notice_of(record, log, project, kinds) is not None for record in records)


def _notice_of(record: Record, log: EventLog, project: str, kinds: Collection[str]) -> Notice | None:
    notice = notice_of(record, log, project)
    return notice if notice is not None and notice.kind in kinds else None


def _begin(log: EventLog, follower: str, since: float) -> None:
    """Put a follower that is new behind everything that happened before `since`."""
    began = f"{follower}:began"
    if log.position(began):
        return
    limit = _BATCH
    while True:
        found = log.read(limit=limit, newest_first=True)
        before = next((record.seq for record in found if record.event.at < since), 0)
        if before or len(found) < limit:
            break
        limit *= 10
    log.advance(follower, before)
    log.advance(began, 1)


def _email_of(email: EmailSettings) -> Notifier:
    from mlorch.mirrors.notices.email import EmailNotifier, Mailbox

    username, password = email.username, email.password

    def login() -> tuple[str, str] | None:
        if username is None or password is None:
            return None
        return _text(username), password.text()

    mailbox = Mailbox(
        host=email.host,
        port=email.port,
        starttls=email.starttls,
        sender=email.sender,
        recipients=email.recipients,
        login=login,
    )
    return EmailNotifier(mailbox)


def _text(value: str) -> str:
    """Return the value of a variable, or the text. Raises InvalidConfigError where it is not set."""
    return value.text() if isinstance(value, EnvVar) else value
