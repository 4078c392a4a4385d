"""Burr: actions over an immutable state, transitions on conditions, one application kept."""

from __future__ import annotations

from typing import Any

from burr.core import Application, ApplicationBuilder, State, action, default, expr

from benchmarks.peers.peer import CHAIN_LENGTH, Peer, heavy_loop, simple_loop, stable_loop


@action(reads=["n"], writes=["n"])
def countdown(state: State) -> State:
    """Count one down."""
    return state.update(n=state["n"] - 1)


@action(reads=["depth"], writes=["depth"])
def noop(state: State) -> State:
    """Go one link deeper."""
    return state.update(depth=state["depth"] + 1)


@action(reads=["n", "depth", "checksum"], writes=["n", "depth", "checksum"])
def total(state: State) -> State:
    """Add the chain's depth to the checksum and count one down."""
    return state.update(n=state["n"] - 1, checksum=state["checksum"] + state["depth"], depth=0)


@action(reads=[], writes=[])
def end(state: State) -> State:
    """Do nothing: where the application halts."""
    return state


def _simple() -> Application[Any]:
    return (
        ApplicationBuilder()
        .with_actions(countdown=countdown, end=end)
        .with_transitions(("countdown", "end", expr("n < 0")), ("countdown", "countdown", default))
        .with_state(n=0)
        .with_entrypoint("countdown")
        .build()
    )


def _chained(entrypoint: str) -> Application[Any]:
    links = [f"noop_{k}" for k in range(1, CHAIN_LENGTH + 1)]
    return (
        ApplicationBuilder()
        .with_actions(total=total, end=end, **dict.fromkeys(links, noop))
        .with_transitions(
            *zip(links, [*links[1:], "total"], strict=True),
            ("total", "end", expr("n < 0")),
            ("total", links[0], default),
        )
        .with_state(n=0, depth=0, checksum=0)
        .with_entrypoint(entrypoint)
        .build()
    )


SIMPLE = _simple()
STABLE = _chained("noop_1")
HEAVY = _chained("total")


def _run(application: Application[Any], **state: int) -> State:
    application.reset_to_entrypoint()
    application.update_state(application.state.update(**state))
    return application.run(halt_after=["end"])[2]


def simple(n: int) -> Any:
    """Make n bounces of one action."""
    return "done" if _run(SIMPLE, n=n)["n"] == -1 else None


PEER = Peer(
    name="burr",
    distribution="apache-burr",
    simple=simple_loop(simple, countdown.__code__),
    stable=stable_loop(
        lambda n: _run(STABLE, n=n, depth=0, checksum=0)["checksum"],
        total.__code__,
        noop.__code__,
    ),
    heavy=heavy_loop(
        lambda n: _run(HEAVY, n=n, depth=0, checksum=0)["checksum"],
        total.__code__,
        noop.__code__,
        declared=True,
    ),
)
