"""What is being counted, shared by every open block.

Tallies only grow, and a block takes the difference between its two ends: blocks may be nested, and
may overlap on several threads, with one hold of the interpreter's hook.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import RLock
from types import BuiltinFunctionType, ClassMethodDescriptorType, MethodDescriptorType
from typing import TYPE_CHECKING, final

from cascade_budget.counting.backend import CountingLostError
from cascade_budget.counting.call_sites import blamed, call_sites, is_project, qualname_of
from cascade_budget.counting.tallies import Body, FunctionTally, Native, SiteTally, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, FrameType

    from cascade_budget.counting.backend import Backend
    from cascade_budget.counting.result import CallCounts
    from cascade_budget.counting.targets import Target
    from cascade_budget.counting.watch import Watch
    from cascade_budget.model.findings import Site


# A context manager by its own methods: the functions of contextlib would start inside the block
# that they open and close, and someone may count those.
@final
@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """One block that counts.

    Attributes:
        recorder: Where it is open.
        counts: Where its result goes.
        named: The targets asked for.
        watched: The targets that a pattern without a wildcard names.
        watch: The patterns.
        attribute: Whether callers are wanted.
    """

    recorder: Recorder
    counts: CallCounts
    named: tuple[Target, ...]
    watched: tuple[Target, ...]
    watch: Watch
    attribute: bool
    _before: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> CallCounts:
        self.recorder.open(self)
        return self.counts

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.recorder.close(self, settle=kind is None)

    @property
    def targets(self) -> tuple[Target, ...]:
        """All that is counted by name."""
        return (*self.named, *self.watched)

    def begin(self) -> None:
        """Remember where every tally stands."""
        self.counts.follow(lambda: self.recorder.read(self))
        self._before = self._stand()

    def calls_of(self, target: Target) -> int:
        """Calls of one target since the beginning."""
        return sum(
            counted.read() - self._before.get(id(counted), 0)
            for counted in self.recorder.counted_for(target)
        )

    def finish(self) -> None:
        """Hand over the final numbers."""
        # Read before anything else: what follows may call C functions that someone counts.
        after = self._stand()
        totals = {key: after[key] - self._before.get(key, 0) for key in after}
        parts: dict[str, list[FunctionTally]] = {
            target.name: self.recorder.counted_for(target) for target in self.targets
        }
        patterned = []
        for body in self.recorder.bodies.values():
            if body.module is None or body.qualname is None or not totals[id(body)]:
                continue
            if self.watch.matches(body.module, body.qualname):
                name = f"{body.module}:{body.qualname}"
                patterned.append(name)
                held = parts.setdefault(name, [])
                if body not in held:
                    held.append(body)
        calls = {name: sum(totals[id(part)] for part in held) for name, held in parts.items()}
        watched = sorted({*patterned, *(target.name for target in self.watched)})
        self.counts.settle(
            calls={target.name: calls[target.name] for target in self.named},
            watched={name: calls[name] for name in watched if calls[name]},
            sites={
                name: _sites_of(held, totals)
                for name, held in parts.items()
                if self.attribute and calls[name]
            },
        )

    def _stand(self) -> dict[int, int]:
        """Where every tally stands, by its id."""
        counted: list[FunctionTally] = [
            *self.recorder.bodies.values(),
            *self.recorder.natives.values(),
        ]
        sites = [site for one in counted for site in tuple(one.sites.values())]
        tallies: list[Tally] = [*counted, *(sites if self.attribute else ())]
        return {id(tally): tally.read() for tally in tallies}


@final
class Recorder:
    """The tallies of all open blocks, by what they count.

    Args:
        backend: Makes the source of events.

    Attributes:
        bodies: By id of the code, which the body holds.
        natives: By id of the C function, which the native holds.
        methods: Natives that calls reach through other objects, such as `[].append`, by name.
        failure: What went wrong inside an event, where nothing may be raised.
    """

    def __init__(self, backend: Callable[[Recorder], Backend]) -> None:
        self.bodies: dict[int, Body] = {}
        self.natives: dict[int, Native] = {}
        self.methods: dict[str, list[Native]] = {}
        self.failure: Exception | None = None
        self._backend = backend(self)
        self._sessions: list[Session] = []
        self._observed: tuple[object, ...] | None = None
        self._lock = RLock()

    def open(self, session: Session) -> None:
        """Begin to count for a block.

        Raises:
            CountingUnavailableError: Another tool holds the hook.
        """
        with self._lock:
            self._backend.claim()
            self._sessions.append(session)
            try:
                # Asked before C functions are observed: finding out makes calls of its own.
                session.counts.blind.update(_blind(session, self._backend))
                self._observe(self._enlist(session))
                session.begin()
            except BaseException:
                self._leave(session)
                raise

    def close(self, session: Session, *, settle: bool) -> None:
        """End a block.

        Args:
            session: What `open` was given.
            settle: Whether the counts are wanted; not after an exception in the block.

        Raises:
            CountingLostError: Events may have been missed.
        """
        with self._lock:
            session.counts.settle()  # no counts, unless what follows ends well
            try:
                if settle:
                    self._check()
                    session.finish()
            finally:
                self._leave(session)

    def _check(self) -> None:
        self._backend.check()
        if self.failure is not None:
            raise CountingLostError(
                f"a call could not be counted, {type(self.failure).__name__} was raised on the way:"
                f" {self.failure}",
                holder=None,
                remedy="Recurse less deeply in the counted block",
            ) from self.failure

    def read(self, session: Session) -> dict[str, int]:
        """The calls so far, by target name."""
        with self._lock:
            return {target.name: session.calls_of(target) for target in session.named}

    def counted_for(self, target: Target) -> list[FunctionTally]:
        """The tallies that make up a target."""
        if target.function is not None:
            return [self.natives[id(target.function)]]
        return [self.bodies[id(code)] for code in target.codes]

    def first_start(self, code: CodeType, frame: FrameType) -> Body | None:
        """Decide about a body that started and has no place yet in the backend's table.

        Args:
            code: The body.
            frame: The frame it runs in.

        Returns:
            The body, if it is counted, now with its module and name.
        """
        body = self.bodies.get(id(code))
        module = frame.f_globals.get("__name__")
        module = module if isinstance(module, str) else ""
        qualname = qualname_of(code, module)
        if body is None:
            if qualname is None or not any(
                session.watch.matches(module, qualname) for session in tuple(self._sessions)
            ):
                return None
            # Two threads may start it at once; both must tick the one that stays.
            body = self.bodies.setdefault(id(code), Body(code))
        body.module, body.qualname = module, qualname
        return body

    def native_of(self, function: object) -> Native | None:
        """The native that `function`, another object than the one named, is a form of."""
        if type(function) is not BuiltinFunctionType:
            return None
        for native in self.methods.get(function.__name__, ()):
            named = native.function
            owner = function.__self__
            if isinstance(named, ClassMethodDescriptorType):
                if not isinstance(owner, type) or not issubclass(owner, named.__objclass__):
                    continue
                if named.__get__(None, owner) == function:
                    return native
            elif isinstance(named, MethodDescriptorType):
                if issubclass(type(owner), named.__objclass__) and named.__get__(owner) == function:
                    return native
            elif isinstance(named, BuiltinFunctionType) and named == function:
                return native
        return None

    def attribute(self, counted: FunctionTally, caller: FrameType | None) -> None:
        """Note where a call came from."""
        frame = caller if is_project(caller) else blamed(caller)
        code, offset = (None, 0) if frame is None else (frame.f_code, frame.f_lasti)
        key = (id(code), offset)
        site = counted.sites.get(key)
        if site is None:
            site = counted.sites.setdefault(key, SiteTally(code, offset))
        site.tick()

    def _enlist(self, session: Session) -> list[Body]:
        """Make the tallies that a session needs. Returns the new bodies."""
        new = []
        for target in session.targets:
            for code in target.codes:
                if id(code) not in self.bodies:
                    self.bodies[id(code)] = body = Body(code)
                    new.append(body)
            function = target.function
            if function is not None and id(function) not in self.natives:
                self.natives[id(function)] = native = Native(function)
                name = getattr(function, "__name__", None)
                if isinstance(name, str):
                    self.methods.setdefault(name, []).append(native)
        return new

    def _observe(self, new: list[Body]) -> None:
        globs = frozenset(glob for session in self._sessions for glob in session.watch.globs)
        natives = any(
            target.function is not None for session in self._sessions for target in session.targets
        )
        attribute = any(session.attribute for session in self._sessions)
        observed = (globs, natives and len(self.natives), attribute)
        # A block inside another that asks for the same costs nothing to open or to leave; to start
        # over would have every function in the process reported once more.
        if new or observed != self._observed:
            self._backend.observe(new, everything=bool(globs), natives=natives, attribute=attribute)
            self._observed = observed

    def _leave(self, session: Session) -> None:
        self._sessions.remove(session)
        if self._sessions:
            self._observe([])
            return
        self._backend.release()
        self._observed = None
        self.bodies.clear()
        self.natives.clear()
        self.methods.clear()
        self.failure = None


def _sites_of(parts: list[FunctionTally], totals: Mapping[int, int]) -> tuple[Site, ...]:
    sites = [site for part in parts for site in tuple(part.sites.values())]
    # A site that another thread has added since is not among the totals.
    return call_sites((site, totals.get(id(site), 0)) for site in sites)


def _blind(session: Session, backend: Backend) -> dict[str, str]:
    """Why targets can't be counted to the last call, for those that can't."""
    everywhere = backend.blind()
    reasons: dict[str, str] = {}
    for target in session.targets:
        reason = everywhere if target.function is None else backend.blind_native(target.function)
        if reason is not None:
            reasons[target.name] = reason
    return reasons
