"""Text of others in a line of ours."""

from __future__ import annotations


def plain(text: str, instead: str = "?") -> str:
    """Return a text that stays on its line, and gives a terminal no orders.

    Args:
        instead: What stands for each character that cannot be printed.
    """
    return "".join(one if one.isprintable() else instead for one in text)
