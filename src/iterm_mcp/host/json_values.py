"""JSON that clients send, to be kept and handed out again. Pure."""

from __future__ import annotations

import json
from typing import Any


def read_json(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Read a JSON value that can be sent back to any client.

    What Python's reader lets through and other readers, or protobuf, refuse is refused here:
    numbers that are none, half surrogates in strings, nesting without end.

    Raises:
        ValueError: It is not such a value.
    """
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value
