"""Regular expressions that callers give, in RE2's syntax: time linear in what is searched."""

from __future__ import annotations

from typing import Any

import re2

from iterm_mcp.errors import InvalidRequestError, shown

MAX_PATTERN = 1000
"""Characters of one pattern."""

_MAX_MEMORY = 8 << 20


def compile_pattern(text: str, *, literal: bool = False, ignore_case: bool = False) -> Any:  # noqa: ANN401 - untyped
    """Return RE2's own pattern: Perl's syntax without look-around and back-references.

    Raises:
        InvalidRequestError: It is too long, or none.
    """
    if len(text) > MAX_PATTERN:
        raise InvalidRequestError(
            f"a pattern of {len(text)} characters is longer than {MAX_PATTERN}",
            hint="Give a shorter one.",
        )
    options = re2.Options()
    options.log_errors = False
    options.literal = literal
    options.case_sensitive = not ignore_case
    options.max_mem = _MAX_MEMORY
    options.one_line = False
    try:
        return re2.compile(text if literal else f"(?m){text}", options)
    except re2.error as error:
        reason = bytes(error.args[0]).decode(errors="replace").replace("(?m)", "")
        raise InvalidRequestError(
            f"{shown(text)!r} is no regular expression: {reason}",
            hint="RE2's syntax has no look-around and no back-references.",
            code="bad_pattern",
        ) from None
