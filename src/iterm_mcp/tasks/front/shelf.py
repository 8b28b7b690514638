"""What machines agree on in Redis: who has which message, and what came of it.

Each step is one script, so that no two machines can both be right. One server: the scripts name
keys that a cluster would keep apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from iterm_mcp.tasks.front.results import FrontResult, front_json, read_front

if TYPE_CHECKING:
    from iterm_mcp.tasks.front.options import FrontOptions

CLAIM = """
if redis.call('exists', KEYS[2]) == 1 then return {'done', '0', ''} end
local owner = redis.call('hget', KEYS[1], 'owner')
local cancel = redis.call('hget', KEYS[1], 'cancel') or ''
local take = redis.call('hget', KEYS[1], 'take') or '0'
if owner and owner ~= ARGV[1]
  and (ARGV[3] ~= '1' or redis.call('exists', ARGV[2] .. owner) == 1) then
  return {'held', take, cancel}
end
if owner ~= ARGV[1] then
  redis.call('hset', KEYS[1], 'owner', ARGV[1])
  take = tostring(redis.call('hincrby', KEYS[1], 'take', 1))
end
redis.call('expire', KEYS[1], ARGV[4])
return {'mine', take, cancel}
"""

HAND = """
if redis.call('exists', KEYS[2]) == 1 then return 'done' end
local owner = redis.call('hget', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then return 'held' end
redis.call('set', KEYS[2], ARGV[2], 'ex', ARGV[3])
redis.call('del', KEYS[1])
return 'mine'
"""

CANCEL = """
if redis.call('exists', KEYS[2]) == 1 then return 0 end
redis.call('hset', KEYS[1], 'cancel', ARGV[1])
redis.call('expire', KEYS[1], ARGV[2])
return 1
"""


class Holding(StrEnum):
    """Whose a message is."""

    MINE = "mine"
    HELD = "held"
    """Another machine's, or one's that is thought to be alive."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Claim:
    """What came of asking for a message.

    Attributes:
        take: The how-manyth machine has it.
        cancel: Why it is to end; empty when it is not.
    """

    holding: Holding
    take: int = 0
    cancel: str = ""


class Shelf:
    """Over a client of streaQ's; raises what that raises while the server is away."""

    def __init__(self, options: FrontOptions, redis: Any) -> None:  # noqa: ANN401
        self._redis = redis
        self._machine = options.machine
        self._prefix = f"iterm-mcp:{options.queue}:"
        self._alive_ms = int(options.alive_seconds * 1000)
        self._keep_seconds = str(int(options.keep_seconds))

    async def beat(self) -> None:
        """Say that this machine lives."""
        await self._redis.set(f"{self._prefix}alive:{self._machine}", "1", px=self._alive_ms)

    async def alive(self) -> list[str]:
        """Return the machines that live, by name."""
        start = f"{self._prefix}alive:"
        found = [one async for one in self._redis.scan_iter(match=f"{start}*")]
        return sorted(str(one).removeprefix(start) for one in found)

    async def claim(self, message: str, *, takes_over: bool) -> Claim:
        """Ask for a message, or whether it still is this machine's.

        Args:
            takes_over: Take it from a machine that is not heard of.
        """
        over = "1" if takes_over else "0"
        given = [self._machine, f"{self._prefix}alive:", over, self._keep_seconds]
        holding, take, cancel = await self._redis.eval(CLAIM, self._keys(message), given)
        return Claim(Holding(holding), int(take), cancel)

    async def hand(self, message: str, result: FrontResult) -> Holding:
        """Give a result to whoever asks; it is not taken from a machine that lost the message."""
        given = [self._machine, json.dumps(front_json(result)), self._keep_seconds]
        return Holding(await self._redis.eval(HAND, self._keys(message), given))

    async def cancel(self, message: str, why: str) -> bool:
        """Have whoever has a message end it; tell whether it was not over."""
        given = [why or "cancelled", self._keep_seconds]
        return bool(await self._redis.eval(CANCEL, self._keys(message), given))

    async def owner(self, message: str) -> str:
        """Return which machine has a message; empty for none."""
        return str(await self._redis.hget(self._keys(message)[0], "owner") or "")

    async def result(self, message: str) -> FrontResult | None:
        """Return what came of a message; None while it is not over, or is forgotten."""
        text = await self._redis.get(self._keys(message)[1])
        return read_front(json.loads(text)) if text else None

    def _keys(self, message: str) -> list[str]:
        return [f"{self._prefix}message:{message}", f"{self._prefix}result:{message}"]
