"""One round: both sides in fresh processes, driven in lockstep, and thrown away."""

from __future__ import annotations

import contextlib
import os
import random
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self, final

from cascade_budget.clock import Clock
from cascade_budget.model.throughput import SIDES, Side
from cascade_budget.process.failures import Failure
from cascade_budget.process.job import Imports, Job
from cascade_budget.process.launch import (
    STARTUP_SECONDS,
    FreshInterpreter,
    working_folder_is_on_path,
)
from cascade_budget.timing.clocks import Cost
from cascade_budget.timing.pairing_errors import (
    HangingWorkloadError,
    KilledWorkerError,
    SideFailedError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade_budget.process.channel import Channel, Message


_END_SECONDS: Final = 10.0


def timing_job(
    *,
    name: str,
    root: str,
    node: str,
    folder: str = "",
    arguments: Sequence[str] = (),
    ordinal: int = 1,
    imports: Imports = Imports(),  # noqa: B008 - a frozen value
) -> Job:
    """One side of a timing.

    Args:
        name: "base" or "head".
        root: The project's folder on this side.
        node: The test's id, relative to `root`.
        folder: Where pytest is started; empty for `root`.
        arguments: Of pytest.
        ordinal: Which call of the fixture in the test, from 1.
        imports: Where the code under test comes from.
    """
    return Job(
        plugin="cascade_budget.timing.serving:ServeTiming",
        name=name,
        root=root,
        folder=folder,
        arguments=arguments,
        node=node,
        imports=imports,
        task={
            "ordinal": ordinal,
            "profile": "cascade_budget.profiling.answering:answer_profile",
        },
    )


def can_fork() -> bool:
    """Whether siblings are forked here. On macOS a forked process may not use system frameworks."""
    return hasattr(os, "fork") and sys.platform != "darwin"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a side says when it has reached its workload.

    Attributes:
        n: Transactions at which the test wants throughput measured.
        obstacle: Why a timing there would measure something else; empty for nothing.
        imported: Files of the code under test.
    """

    n: int
    obstacle: str
    imported: tuple[str, ...]


@final
class Pair:
    """Base and head in two fresh processes that share a hash seed, random numbers and a processor.

    Entering starts them and waits until both hold their workload, leaving ends them: by letting the
    tests finish where all went well, else at once.

    Args:
        base: The one side.
        head: The other.
        seed: Decides hash seed, random numbers and which process starts first.
        processor: On which both run, for systems that can choose; None for any.
        timeout_seconds: The longest that one answer may take.

    Attributes:
        ready: What each side said when it had reached its workload.
    """

    def __init__(
        self,
        base: Job,
        head: Job,
        *,
        seed: int,
        processor: int | None = None,
        timeout_seconds: float,
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 - balance, no secret
        self._order = [*SIDES]
        chance.shuffle(self._order)
        self._hash_seed = chance.randrange(2**32)
        self._seed = seed
        self._processor = processor
        self._specs: dict[Side, Job] = {
            side: replace(job, processor=processor, random_seed=self._hash_seed)
            for side, job in zip(SIDES, (base, head), strict=True)
        }
        self._timeout_seconds = timeout_seconds
        self._channels: dict[Side, Channel] = {}
        self._running: list[FreshInterpreter] = []
        self._ended = False
        self.ready: dict[Side, Ready] = {}

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait()
        except BaseException:
            self.end(at_once=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end(at_once=kind is not None)

    def start(self) -> None:
        """Start the processes, unless they have been; `end` is then to be called."""
        if self._running:
            return
        sides = [self._order] if can_fork() else [[side] for side in self._order]
        for group in sides:
            started = FreshInterpreter(
                [self._specs[side] for side in group],
                hash_seed=self._hash_seed,
                working_folder_on_path=working_folder_is_on_path(),
                # Compiled files of the two copies are kept, so that only the first round compiles.
                environment={"PYTHONDONTWRITEBYTECODE": ""},
            )
            self._running.append(started)
            self._channels.update(zip(group, started.channels, strict=True))

    def wait(self) -> None:
        """Wait until both sides hold their workload.

        Raises:
            SideFailedError: A side has no workload.
            KilledWorkerError: A process died.
            HangingWorkloadError: A process did not answer in time.
        """
        if self.ready:
            return
        failures: dict[Side, Failure] = {}
        for side in self._order:
            message = self._receive(side, STARTUP_SECONDS + self._timeout_seconds)
            if message.pop("event") == "ready":
                message["imported"] = tuple(message["imported"])
                self.ready[side] = Ready(**message)
            else:
                failures[side] = Failure(**message)
        if failures:
            raise SideFailedError(failures, self._specs["head"].node)

    def run(self, side: Side, n: int, repeat: int = 1) -> Cost:
        """Run the workload `repeat` times for n transactions each on one side."""
        return Cost(**self._ask(side, {"do": "run", "n": n, "repeat": repeat}))

    def result(self, side: Side, n: int) -> tuple[str, str]:
        """Digest and preview of what one run for n transactions returns."""
        message = self._ask(side, {"do": "result", "n": n})
        return message["digest"], message["preview"]

    def twins(self, side: Side) -> Pair:
        """Two more processes of one side alone, under the same seeds; not started yet."""
        spec = self._specs[side]
        return Pair(
            spec,
            spec,
            seed=self._seed,
            processor=self._processor,
            timeout_seconds=self._timeout_seconds,
        )

    def begin_profile(self, side: Side, n: int, plan: Message) -> None:
        """Have a session of a profile recorded on one side; `end_profile` answers."""
        self._send(side, {"do": "profile", "n": n, "plan": plan})

    def end_profile(self, side: Side) -> Message:
        """What `begin_profile` asked for: `plan` and `session`, see `profiling.answering`."""
        return self._answer(side)

    def settle(self) -> None:
        """Collect garbage on both sides and take what is alive out of later collections."""
        for side in self._order:
            self._ask(side, {"do": "settle"})

    def _ask(self, side: Side, request: Message) -> Message:
        self._send(side, request)
        return self._answer(side)

    def _send(self, side: Side, request: Message) -> None:
        try:
            self._channels[side].send(request)
        except EOFError:
            raise self._killed(side) from None

    def _answer(self, side: Side) -> Message:
        message = self._receive(side, self._timeout_seconds)
        if message.pop("event") == "failed":
            raise SideFailedError({side: Failure(**message)}, self._specs[side].node)
        return message

    def _receive(self, side: Side, timeout_seconds: float) -> Message:
        try:
            return self._channels[side].receive(timeout_seconds)
        except EOFError:
            raise self._killed(side) from None
        except TimeoutError:
            raise HangingWorkloadError(
                side, self._specs[side].node, self._timeout_seconds
            ) from None

    def _killed(self, side: Side) -> KilledWorkerError:
        # The other side ends when its pipe does, and with it the process that forked both.
        for channel in self._channels.values():
            channel.close()
        codes = [process.exit_code(_END_SECONDS) for process in self._running]
        return KilledWorkerError(
            side,
            self._specs[side].node,
            exit_code=max(
                (abs(code) + 128 * (code < 0) for code in codes if code is not None), default=None
            ),
            printed="\n".join(process.last_lines() for process in self._running),
        )

    def end(self, *, at_once: bool) -> None:
        """End the processes: at once, or by letting the tests finish."""
        if self._ended:
            return
        self._ended = True
        try:
            if not at_once:
                self._let_finish()
        finally:
            for process in self._running:
                process.end()

    def _let_finish(self) -> None:
        """Let the tests clean up after themselves."""
        with contextlib.suppress(EOFError, TimeoutError):
            for side in self._order:
                self._channels[side].send({"do": "done"})
            deadline = Clock.monotonic() + _END_SECONDS
            for side in self._order:
                channel = self._channels[side]
                while channel.receive(deadline - Clock.monotonic())["event"] != "ended":
                    pass
        for process in self._running:
            process.exit_code(_END_SECONDS)
