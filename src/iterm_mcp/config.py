"""Settings: environment variables that start with ``ITERM_MCP_``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_LABELS = r"^(\s*[A-Za-z0-9][^=,]*=[^=,]*(,\s*[A-Za-z0-9][^=,]*=[^=,]*)*)?$"
_STATSD = r"^((udp://)?(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+):\d{1,5}|unix:(//)?/.+)?$"
_COLLECTOR = r"^(env|https?://[^/@\s]+(/\S*)?)?$"
_LEAST_PROBE_SECONDS = 60.0


class Settings(BaseSettings):
    """Everything a user may set. Durations are seconds.

    A value that does not fit ends the daemon at start with the variable's name; an empty one
    is as none.
    """

    model_config = SettingsConfigDict(env_prefix="ITERM_MCP_", env_ignore_empty=True, frozen=True)

    terminal: Literal["auto", "iterm2", "headless"] = "auto"
    """Which terminal: iTerm2 when it is there, else our host; or one of them by name."""

    http_port: Annotated[int, Field(ge=0, le=65535)] = 7717
    """The loopback port of the HTTP side. 0 takes a free one."""

    request_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 15.0
    """How long one request to the terminal may take."""

    connect_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    """How long a tool call waits for a terminal that is away."""

    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 5.0
    """How long calls in flight may go on after SIGTERM."""

    restart_backoff_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """How long an agent that crashed once is left; after each further crash twice as long."""

    prewarm_most: Annotated[int, Field(ge=0, le=64)] = 4
    """How many agents may wait at once for templates that say `prewarm`. 0: none."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe record that the log keeps."""

    tier: Literal["read", "mutate", "destructive"] = "destructive"
    """What any client may do at most: look; open and type too; or also end things."""

    tools: str = "auto"
    """What a client is shown that asks for nothing: core, all, auto, or names of tools."""

    confirm: Literal["ask", "never"] = "ask"
    """Whether a person is asked before a tool ends something that cannot be had back."""

    calls_per_second: Annotated[float, Field(ge=0, le=100_000)] = 50.0
    """How many tool calls a client may make in the long run; at once, those of 5 s. 0: any."""

    output_characters_per_minute: Annotated[int, Field(ge=0, le=10**9)] = 2_000_000
    """How much text a client is shown. 0: any."""

    events_keep_days: Annotated[float, Field(gt=0, le=36_500)] = 90.0
    """Older events are forgotten, whole files at a time."""

    events_keep_gigabytes: Annotated[float, Field(gt=0, le=100_000)] = 20.0
    """So much of the disk may events have; beyond that the oldest are forgotten."""

    follow_transcripts: bool = True
    """Keep what every Claude Code, Codex and Gemini CLI of this user writes down, not only ours."""

    agent_telemetry: bool = False
    """Have agents that are started export to us what they measure, unless they do elsewhere."""

    http_requests_per_second: Annotated[float, Field(ge=0, le=100_000)] = 2000.0
    """How many requests a token of the HTTP interface may make in the long run. 0: any."""

    http_most_at_once: Annotated[int, Field(ge=1, le=10_000)] = 128
    """Requests over HTTP that are worked on at once; more are told to come again."""

    tasks_url: str = ""
    """Where tasks are written down that several machines share: postgresql://…. None: here."""

    tasks_front: Annotated[str, Field(pattern=r"^(rediss?://[^/].*)?$")] = ""
    """A Redis that carries a backlog between machines with a file each: redis://…. None: empty."""

    @field_validator("tasks_front")
    @classmethod
    def _shared_one_way(cls, front: str, info: ValidationInfo) -> str:
        if front and info.data.get("tasks_url"):
            raise ValueError("set ITERM_MCP_TASKS_URL or ITERM_MCP_TASKS_FRONT, not both")
        return front

    machine: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,79})?$")] = ""
    """This machine's name among those that share work; none for one that the folder keeps."""

    machine_labels: Annotated[str, Field(pattern=_LABELS)] = ""
    """What tasks may ask of their machine: name=value, with commas between."""

    machine_capacity: Annotated[int, Field(ge=0, le=10_000)] = 100
    """How many attempts this machine takes at once, whatever the limits. 0: it only submits."""

    machine_lease_seconds: Annotated[float, Field(ge=2, le=3600)] = 60.0
    """Without a word of this machine for so long, its work is given to others."""

    audit_required: bool = False
    """Refuse what ends things while calls cannot be written down."""

    kinds: str = ""
    """Folders of more kinds of agents, besides ``kinds`` in the state folder, with : between."""

    statsd: Annotated[str, Field(pattern=_STATSD)] = ""
    """Where metrics are sent by StatsD: HOST:PORT, or unix:/PATH of a socket. None: empty."""

    statsd_dialect: Literal["dogstatsd", "plain"] = "dogstatsd"
    """Whether labels are tags, or stand in the names of metrics."""

    statsd_tags: Annotated[str, Field(pattern=_LABELS)] = ""
    """Tags of everything that is sent by StatsD: name=value, with commas between."""

    statsd_seconds: Annotated[float, Field(ge=1, le=3600)] = 10.0
    """How often metrics are sent by StatsD."""

    otlp_metrics: Annotated[str, Field(pattern=_COLLECTOR)] = ""
    """The OTLP collector that metrics are sent to, http://HOST:PORT; env: as OTEL_… says."""

    otlp_metrics_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """How often metrics are sent to it."""

    otlp_traces: Annotated[str, Field(pattern=_COLLECTOR)] = ""
    """The OTLP collector that traces are sent to, http://HOST:PORT; env: as OTEL_… says."""

    traces_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How many of the traces that begin here are exported. Those of clients are as they say."""

    trace_arguments: bool = False
    """Export what tools are given, too, without the secrets that are known as such."""

    agent_traces: bool = False
    """Have agents that are started export their own traces to the same collector."""

    probe_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """How often the whole way from a session to a task is tried; at least 60. 0: never."""

    @field_validator("probe_seconds")
    @classmethod
    def _not_too_often(cls, seconds: float) -> float:
        if 0 < seconds < _LEAST_PROBE_SECONDS:
            raise ValueError(f"0, or at least {_LEAST_PROBE_SECONDS:.0f}")
        return seconds
