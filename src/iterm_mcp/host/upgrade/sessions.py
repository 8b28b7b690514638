"""One session written down, and read again."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from iterm_mcp.host.coprocess import Coprocess, CoprocessState
from iterm_mcp.host.engine_state import EngineState
from iterm_mcp.host.osc import OscState
from iterm_mcp.host.prompts import Memory, Place, Prompt, Span
from iterm_mcp.host.pty import Pty
from iterm_mcp.host.pty_state import PtyState
from iterm_mcp.host.selection import Part
from iterm_mcp.host.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.host.session_observer import SessionObserver
    from iterm_mcp.host.upgrade.envelope import Pieces

APART = {"pty", "observer", "selection"}
"""Fields of a session that are not written down as they are."""

_PLACES = ("start", "end", "command_end", "output_start", "output_end")


def write_session(session: Session, pieces: Pieces) -> dict[str, Any]:
    """Write a session down. It is not being restarted, and not paused."""
    session.settle()
    pty = session.pty.state()
    coprocess = session.coprocess and session.coprocess.state()
    return {
        "plain": {
            one.name: getattr(session, one.name) for one in fields(session) if one.name not in APART
        },
        "started_at": session.started_at,
        "selection": [
            [one.start, one.end, one.columns, one.mode, one.connected] for one in session.selection
        ],
        "pty": pty._replace(queue=b"")._asdict() | {"queue": pieces.add(pty.queue)},
        "engine": _write_engine(session.engine.state(), pieces),
        "prompts": _write_prompts(session.prompt_memory),
        "coprocess": coprocess
        and coprocess._asdict()
        | {"queue": pieces.add(coprocess.queue), "untyped": pieces.add(coprocess.untyped)},
    }


def read_session(told: dict[str, Any], pieces: Pieces, observer: SessionObserver) -> Session:
    """Return a session as it was written down; nothing in it runs before `go_on`.

    Raises:
        EmulatorError: Its screen was written by another version of the emulator.
    """
    pty = dict(told["pty"])
    pty["queue"] = pieces[pty["queue"]]
    known = {one.name for one in fields(Session)} - APART
    plain = {key: value for key, value in told["plain"].items() if key in known}
    session = Session(
        pty=Pty.adopt(PtyState(**pty)),
        observer=observer,
        selection=[
            Part(_pair(start), _pair(end), _pair(columns), mode, connected)
            for start, end, columns, mode, connected in told["selection"]
        ],
        **plain,
    )
    session.started_at = told["started_at"]
    session.engine.take_over(_read_engine(told["engine"], pieces))
    session.prompt_memory = _read_prompts(told["prompts"])
    return session


def go_on(session: Session, told: dict[str, Any], pieces: Pieces) -> None:
    """Let what was read by `read_session` run."""
    if (coprocess := told["coprocess"]) is not None:
        state = {**coprocess, **{key: pieces[coprocess[key]] for key in ("queue", "untyped")}}
        session.coprocess = Coprocess.adopt(CoprocessState(**state), session.write)
    session.follow()


def descriptors(session: Session) -> Iterable[int]:
    """Yield the files that a session holds open."""
    yield session.pty.state().master
    if session.coprocess is not None:
        state = session.coprocess.state()
        yield from (state.input, state.output)


def _pair(values: Iterable[int]) -> tuple[int, int]:
    first, second = values
    return first, second


# The engine.


def _write_engine(state: EngineState, pieces: Pieces) -> dict[str, Any]:
    scanner = state.scanner
    return state._asdict() | {
        "terminal": pieces.add(state.terminal),
        "scanner": [scanner.in_osc, scanner.after_escape, pieces.add(scanner.payload)],
    }


def _read_engine(told: dict[str, Any], pieces: Pieces) -> EngineState:
    in_osc, after_escape, payload = told["scanner"]
    return EngineState(
        **{
            **told,
            "terminal": pieces[told["terminal"]],
            "scanner": OscState(in_osc, after_escape, pieces[payload]),
            "left": _pair(told["left"]),
            "seams": tuple(told["seams"]),
        }
    )


# Prompts: each once, by number.


def _write_prompts(memory: Memory) -> dict[str, Any]:
    every = list({id(one): one for one in (*memory.kept, memory.last, memory.ran) if one}.values())

    def number(one: Prompt | None) -> int | None:
        return None if one is None else every.index(one)

    return {
        "every": [
            {one.name: getattr(prompt, one.name) for one in fields(prompt)} for prompt in every
        ],
        "kept": len(memory.kept),
        "last": number(memory.last),
        "ran": number(memory.ran),
        "typing": memory.typing,
        "inner": memory.inner,
    }


def _read_prompts(told: dict[str, Any]) -> Memory:
    every = [_read_prompt(one) for one in told["every"]]

    def numbered(number: int | None) -> Prompt | None:
        return None if number is None else every[number]

    return Memory(
        every[: told["kept"]],
        numbered(told["last"]),
        told["typing"],
        numbered(told["ran"]),
        _place(told["inner"]),
    )


def _read_prompt(told: dict[str, Any]) -> Prompt:
    places = {name: _place(told[name]) for name in _PLACES}
    spans = [Span(Place(*start), Place(*end)) for start, end in told["excluded"]]
    return Prompt(**{**told, **places, "excluded": spans})


def _place(values: list[int] | None) -> Place | None:
    return None if values is None else Place(*values)
