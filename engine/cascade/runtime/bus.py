"""The event bus. What nobody listens for costs one membership test and is never built."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, final

from cascade.events import Event, TaskFinished, TaskStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    from cascade.events import Subscriber

_log = logging.getLogger("cascade")


@final
class Bus:
    """Delivers events to subscribers, in the order in which they subscribed.

    Args:
        on_change: called whenever somebody comes or goes.

    Attributes:
        on_task_started: who listens for TaskStarted now.
        on_task_finished: who listens for TaskFinished now.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._subscribers: list[tuple[Subscriber, tuple[type[Event], ...]]] = []
        self._by_kind: dict[type[Event], tuple[Subscriber, ...]] = {}
        self.on_task_started: tuple[Subscriber, ...] = ()
        self.on_task_finished: tuple[Subscriber, ...] = ()
        self._on_change = on_change

    def subscribe(self, subscriber: Subscriber, *kinds: Any) -> Callable[[], None]:
        """Deliver events to a callable, and return the function that ends this.

        Args:
            subscriber: called with each event; what it returns is dropped.
            *kinds: event classes, a base class for all below it; all events by default.

        Raises:
            TypeError: the subscriber can't be called, or a kind is no event class.
        """
        if not callable(subscriber):
            raise TypeError(
                f"a subscriber is called with each event, and {type(subscriber).__name__} can't be "
                "called. Pass a function of one argument."
            )
        for kind in kinds:
            if not isinstance(kind, type) or not issubclass(kind, Event):
                raise TypeError(
                    f"{kind!r} is no event class. Pass classes from cascade.events, such as "
                    "cs.TaskFinished."
                )
        subscription = (subscriber, kinds or (Event,))
        self._subscribers.append(subscription)
        self._changed()

        def unsubscribe() -> None:
            if any(each is subscription for each in self._subscribers):
                self._subscribers[:] = [
                    each for each in self._subscribers if each is not subscription
                ]
                self._changed()

        return unsubscribe

    def wants(self, kind: type[Event]) -> bool:
        """Tell whether anybody listens for this class of events."""
        return kind in self._by_kind

    def publish(self, event: Event) -> None:
        """Deliver one event. A subscriber that raises is logged and dropped; the run goes on."""
        for subscriber in self._by_kind.get(type(event), ()):
            try:
                subscriber(event)
            except Exception as error:  # noqa: BLE001  a listener may not end a run
                self.drop(subscriber, event, error)

    def drop(self, subscriber: Subscriber, event: Event, error: Exception) -> None:
        """Log what a subscriber raised and send it no more events."""
        _log.error(
            "subscriber %r raised on %s and gets no more events", subscriber, event, exc_info=error
        )
        self._subscribers[:] = [each for each in self._subscribers if each[0] is not subscriber]
        self._changed()

    def _changed(self) -> None:
        self._by_kind = {}
        for kind in _concrete(Event):
            listening = tuple(
                subscriber for subscriber, kinds in self._subscribers if issubclass(kind, kinds)
            )
            if listening:
                self._by_kind[kind] = listening
        self.on_task_started = self._by_kind.get(TaskStarted, ())
        self.on_task_finished = self._by_kind.get(TaskFinished, ())
        self._on_change()


def _concrete(kind: type[Event]) -> list[type[Event]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _concrete(below))]
