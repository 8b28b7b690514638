"""What one client may see and do, as its user set it, and as which agent it comes.

Standard library only: the relay has it.
"""

TIERS = ("read", "mutate", "destructive")
"""From looking alone, through opening and typing, to ending what cannot be had back."""

DEFAULT_TOOLS = "auto"

TIER_VARIABLE = "ITERM_MCP_TIER"
TOOLS_VARIABLE = "ITERM_MCP_TOOLS"
AGENT_VARIABLE = "ITERM_MCP_AGENT"
"""In the environment of an agent and of all that it starts: its registered name."""
TEAM_VARIABLE = "ITERM_MCP_TEAM"
"""Beside it, for the agent's own use; which teams it stands in is looked up by its name."""

AGENT_CHARACTERS = 64

CONNECT = "iterm-mcp/connect"
"""The method, and the id, of the request by which a relay says what its client may do."""

COMMAND_LINE = "iterm-mcp-cli"
"""What our own command line calls itself, as a client that comes without a relay."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping


class AccessError(ValueError):
    """A tier or a list of tools that means nothing; the text says what would."""


class Access:
    """A tier, a choice of tools, and an agent's name; each may be left to the daemon.

    Attributes:
        tier: One of `TIERS`, or empty.
        tools: ``core``, ``all``, ``auto``, or names, with commas between; or empty.
        agent: The agent whose client it is: its role limits it too. Empty for a person's.
    """

    __slots__ = ("agent", "tier", "tools")  # dataclasses would import re, inspect

    def __init__(self, tier: str = "", tools: str = "", agent: str = "") -> None:
        if tier and tier not in TIERS:
            raise AccessError(f"the tier {tier[:40]!r} is none of {', '.join(TIERS)}")
        if len(agent) > AGENT_CHARACTERS or not agent.isprintable() or agent != agent.strip():
            raise AccessError(f"{agent[:40]!r} cannot be the name of an agent")
        self.agent = agent
        self.tier = tier
        self.tools = ",".join(word for one in tools.split(",") if (word := one.strip()))

    def __bool__(self) -> bool:
        return bool(self.tier or self.tools or self.agent)

    def within(self, limit: "Access") -> "Access":
        """Return this, with the lower of both tiers, and the other's tools where it names none."""
        tiers = [tier for tier in (self.tier, limit.tier) if tier]
        tier = min(tiers, key=TIERS.index, default="")
        return Access(tier, self.tools or limit.tools, self.agent)

    def values(self) -> dict[str, str]:
        """Return what is set, as it goes over a wire."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}


def read_access(values: "Mapping[str, object]") -> Access:
    """Read what `Access.values` gave.

    Raises:
        AccessError: Something in it is unknown: what is not understood limits nobody, so it is
            not passed over.
    """
    for name, value in values.items():
        if name not in Access.__slots__ or not isinstance(value, str):
            raise AccessError(f"{name[:40]!r} is none of {', '.join(Access.__slots__)}")
    return Access(**{name: str(value) for name, value in values.items()})


def take_access(arguments: "list[str]", environ: "MutableMapping[str, str]") -> Access:
    """Read a command line such as ``--tier read --tools=all``; the environment stands behind it.

    The variables are taken out of the environment: they are this client's, and a daemon
    that is started on the way serves others too.

    Raises:
        AccessError: An argument is unknown, or a value means nothing.
    """
    found = {
        "tier": environ.pop(TIER_VARIABLE, "").strip(),
        "tools": environ.pop(TOOLS_VARIABLE, "").strip(),
    }
    agent = environ.pop(AGENT_VARIABLE, "").strip()
    environ.pop(TEAM_VARIABLE, None)
    waiting = list(arguments)
    while waiting:
        name, given, value = waiting.pop(0).partition("=")
        if name[:2] != "--" or name[2:] not in found:
            raise AccessError(f"{name[:40]!r} is neither --tier nor --tools")
        if not given:
            if not waiting:
                raise AccessError(f"{name} needs a value")
            value = waiting.pop(0)
        found[name[2:]] = value
        if not value:
            raise AccessError(f"{name} needs a value")
    return Access(**found, agent=agent)
