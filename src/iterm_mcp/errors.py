"""Every error that callers are expected to meet.

::

    ItermMcpError
    ├── InvalidRequestError      the caller asked for something that cannot be
    ├── NotFoundError            an id or a name that means nothing here
    ├── ConflictError            true, but not now: taken, duplicate, already there
    ├── RefusedError             policy said no
    ├── StoreError               what we remember could not be read or written
    ├── AgentError               an agent could not be started, or did not do what was asked
    │   └── AgentGoneError       its process has ended
    └── TerminalError
        ├── TerminalUnavailableError   no terminal answers; it may have taken effect
        ├── TerminalTimeoutError       it did not answer in time; it may have taken effect
        └── TerminalRejectedError      it answered no

What stands under the root is shown to the model or the HTTP client with its hint. Anything
else is a bug: it is logged with a traceback and shown as "internal error" with an id.
"""

SHOWN_CHARACTERS = 80
"""How much of a caller's own text an error repeats."""


def shown(text: str) -> str:
    """Return as much of a caller's own text as an error repeats."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


class ItermMcpError(Exception):
    """The root of every expected error.

    Attributes:
        code: A stable word for programs, such as ``session_not_found``.
        hint: One sentence that says what to do next; empty where nothing can be done.
        outcome: The family of the error, one of few words: a label value for metrics.
    """

    default_code = "error"
    outcome = "error"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.hint = hint


class InvalidRequestError(ItermMcpError):
    """The request can never succeed as it was made."""

    default_code = "invalid_request"
    outcome = "invalid"


class NotFoundError(ItermMcpError):
    """The thing that was named does not exist.

    Attributes:
        kind: What was looked for: ``session``, ``agent``, ``team``, ``window`` ...
        name: The id or name that was not found.
    """

    outcome = "not_found"

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        super().__init__(f"no {kind} {shown(name)!r}", hint=hint, code=f"{kind}_not_found")
        self.kind = kind
        self.name = name


class ConflictError(ItermMcpError):
    """The request contradicts what already stands."""

    default_code = "conflict"
    outcome = "conflict"


class RefusedError(ItermMcpError):
    """A policy, a lock, a role or a budget forbids it."""

    default_code = "refused"
    outcome = "refused"


class StoreError(ItermMcpError):
    """The store could not be read or written."""

    default_code = "store_error"
    outcome = "store"


class AgentError(ItermMcpError):
    """An agent could not be started, or did not do what was asked in time."""

    default_code = "agent_error"
    outcome = "agent"


class AgentGoneError(AgentError):
    """The agent's process has ended. What was in flight may have reached it."""

    default_code = "agent_gone"


class TerminalError(ItermMcpError):
    """The terminal did not do what was asked."""

    default_code = "terminal_error"


class TerminalUnavailableError(TerminalError):
    """No terminal answers. What was in flight may or may not have taken effect."""

    default_code = "terminal_unavailable"
    outcome = "unavailable"


class TerminalTimeoutError(TerminalError):
    """The terminal did not answer in time. The request may still take effect."""

    default_code = "terminal_timeout"
    outcome = "timeout"


class TerminalRejectedError(TerminalError):
    """The terminal answered, and the answer was no."""

    default_code = "terminal_rejected"
    outcome = "rejected"
