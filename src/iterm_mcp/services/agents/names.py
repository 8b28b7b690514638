"""Names for agents that nobody has named. Pure, but for who else has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from iterm_mcp.models.ids import AgentName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container

QUALITIES = (
    "able", "airy", "alert", "amber", "apt", "azure", "balmy", "bold", "brave", "breezy", "bright",
    "brisk", "broad", "calm", "candid", "cheery", "civil", "clean", "clear", "clever", "cool",
    "coral", "cosy", "crisp", "daring", "deft", "direct", "eager", "early", "easy", "exact",
    "fair", "famous", "fine", "firm", "fleet", "fond", "frank", "free", "fresh", "gentle", "glad",
    "golden", "good", "grand", "great", "green", "handy", "happy", "hardy", "honest", "humble",
    "ideal", "jade", "jolly", "just", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow",
    "merry",
)  # fmt: skip
ANIMALS = (
    "ant", "badger", "bat", "bear", "beaver", "bee", "bison", "bluejay", "boar", "buck", "camel",
    "cat", "civet", "condor", "coot", "crab", "crane", "crow", "deer", "dingo", "dove", "duck",
    "eagle", "eel", "egret", "elk", "ermine", "falcon", "ferret", "finch", "fox", "frog", "gecko",
    "goose", "grouse", "gull", "hare", "hawk", "heron", "ibex", "ibis", "jackal", "kite", "koala",
    "lark", "lemur", "lion", "llama", "lynx", "marten", "mole", "moose", "newt", "otter", "owl",
    "panda", "puffin", "raven", "robin", "seal", "stoat", "swan", "tern", "wren",
)  # fmt: skip
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without those that are taken for others when read aloud."""

PLAIN_TRIES = 4
TRIES = 64


class Dice(Protocol):
    """What chance is asked of."""

    def choice(self, of: str | tuple[str, ...], /) -> str:
        """Return one of several."""


def make_name(dice: Dice, *, prefix: str = "", letters: int = 0) -> AgentName:
    """Return a name such as ``calm-otter``.

    Args:
        prefix: What it begins with, such as a role, as far as names may hold it.
        letters: How many letters of chance it ends in.
    """
    words = [dice.choice(QUALITIES), dice.choice(ANIMALS)]
    kept = "".join(one for one in prefix.lower() if one.isascii() and one.isalnum())[:20]
    if kept:
        words.insert(0, kept)
    if letters:
        words.append("".join(dice.choice(LETTERS) for _ in range(letters)))
    return AgentName("-".join(words))


async def take_name(
    dice: Dice,
    taken: Container[str],
    reserve: Callable[[AgentName], Awaitable[bool]],
    *,
    prefix: str = "",
) -> AgentName:
    """Return a name that is nobody's, reserved.

    Two words are tried first; when those are taken, letters of chance are added, the more the
    longer it goes on.

    Args:
        taken: Names that are known to be somebody's.
        reserve: Takes a name for us, once among all processes; False when somebody has it.

    Raises:
        RuntimeError: `TRIES` names were all taken, which chance does not do.
    """
    for number in range(TRIES):
        letters = 0 if number < PLAIN_TRIES else 2 + number // 8
        name = make_name(dice, prefix=prefix, letters=letters)
        if name not in taken and await reserve(name):
            return name
    raise RuntimeError(f"{TRIES} random names were all taken")
