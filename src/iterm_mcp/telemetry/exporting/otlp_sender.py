"""Posting to an OTLP collector over HTTP, as JSON: no SDK, no queue."""

from __future__ import annotations

import gzip
import json
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

BY_ENVIRONMENT = "env"
"""Stands for the endpoint that ``OTEL_EXPORTER_OTLP_…`` names."""
USUAL_ENDPOINT = "http://localhost:4318"
USUAL_SECONDS = 10.0
METRICS_PATH = "/v1/metrics"
MOST_ANSWER_BYTES = 1 << 16
OK, REDIRECT = 200, 300
LATER = frozenset({429, 502, 503, 504})
"""What OTLP says is to be tried again; anything else that fails would fail again."""

PREFIX = "OTEL_EXPORTER_OTLP_"


class NotExportedError(Exception):
    """A collector did not take an export.

    Attributes:
        again: Whether it may take the next one.
        after_seconds: Not before, as it says itself; 0 where it says nothing.
    """

    def __init__(self, message: str, *, again: bool, after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.again = again
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class Collector:
    """Where exports go. Headers may hold secrets, and so may a query: neither is ever shown."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    compress: bool = False
    certificate: str = ""
    seconds: float = USUAL_SECONDS

    @property
    def shown(self) -> str:
        """The endpoint without what may be secret in it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}:{_port(self.url)}{parts.path}"


def find_collector(endpoint: str, environ: Mapping[str, str]) -> Collector:
    """Return where metrics are exported to.

    Args:
        endpoint: A URL, to which ``/v1/metrics`` is added where it has no path; or
            `BY_ENVIRONMENT`.
        environ: Has headers, certificate, compression and time-out under the names that
            OpenTelemetry gives them; those of metrics alone win.

    Raises:
        ValueError: Something of it means nothing; the text repeats no secret.
    """

    def told(name: str, usual: str = "") -> str:
        return environ.get(f"{PREFIX}METRICS_{name}") or environ.get(PREFIX + name) or usual

    url = endpoint
    if endpoint == BY_ENVIRONMENT:
        # The one for metrics is taken as it is, the one for all gets the path, says the standard.
        base = environ.get(f"{PREFIX}ENDPOINT") or USUAL_ENDPOINT
        url = environ.get(f"{PREFIX}METRICS_ENDPOINT") or base.rstrip("/") + METRICS_PATH
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and _port(url)
    except ValueError:
        good, parts = False, urlsplit("")
    if not good or parts.username is not None:
        raise ValueError("the endpoint must be http://HOST:PORT or https://…, without a password")
    if parts.path in {"", "/"}:
        url = parts._replace(path=METRICS_PATH).geturl()
    coding = told("COMPRESSION", "none")
    if coding not in {"gzip", "none"}:
        raise ValueError(f"{PREFIX}COMPRESSION must be gzip or none")
    try:
        seconds = int(told("TIMEOUT", str(int(USUAL_SECONDS * 1000)))) / 1000
    except ValueError:
        raise ValueError(f"{PREFIX}TIMEOUT must be in milliseconds") from None
    headers = read_headers(told("HEADERS"))
    return Collector(url, headers, coding == "gzip", told("CERTIFICATE"), max(seconds, 0.1))


def read_headers(text: str) -> dict[str, str]:
    """Return what ``name=value,name=value`` says, values percent-decoded.

    Raises:
        ValueError: A part of it is no header. The text does not repeat it: it may be a secret.
    """
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name, value = name.strip(), unquote(value.strip())
        if not part.strip():
            continue
        if not (equals and name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            raise ValueError(f"{PREFIX}HEADERS must be name=value, with commas between")
        if not value.isprintable() or not value.isascii():
            raise ValueError(f"{PREFIX}HEADERS: the value of {name} is no text for a header")
        found[name] = value
    return found


def post(collector: Collector, export: Mapping[str, Any], seconds: float) -> int:
    """Send an export and return how many of its points were not taken. Blocks: use a thread.

    Args:
        seconds: How long each step of it may take.

    Raises:
        NotExportedError: It was not taken.
    """
    body = json.dumps(export, separators=(",", ":"), allow_nan=False).encode()
    headers = {**collector.headers, "Content-Type": "application/json", "User-Agent": "iterm-mcp"}
    if collector.compress:
        body = gzip.compress(body, 6)
        headers["Content-Encoding"] = "gzip"
    try:
        with closing(_connection(collector, seconds)) as connection:
            parts = urlsplit(collector.url)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            told = answer.read(MOST_ANSWER_BYTES)
    except (OSError, HTTPException) as error:
        what = getattr(error, "strerror", None) or type(error).__name__
        raise NotExportedError(f"it cannot be reached: {what}", again=True) from None
    if not OK <= answer.status < REDIRECT:
        after = answer.getheader("Retry-After", "")
        raise NotExportedError(
            f"it answers with {answer.status}",
            again=answer.status in LATER,
            after_seconds=float(after) if after.isascii() and after.isdigit() else 0.0,
        )
    return _rejected(told)


def _rejected(told: bytes) -> int:
    """Return how many points an answer says were not taken; what is no answer says none."""
    try:
        partial = json.loads(told).get("partialSuccess") or {}
        return int(partial.get("rejectedDataPoints") or 0)
    except (ValueError, TypeError, AttributeError):
        return 0


def _connection(collector: Collector, seconds: float) -> HTTPConnection:
    parts = urlsplit(collector.url)
    host, port = parts.hostname or "", _port(collector.url)
    if parts.scheme == "http":
        return HTTPConnection(host, port, timeout=seconds)
    context = ssl.create_default_context(cafile=collector.certificate or None)
    return HTTPSConnection(host, port, timeout=seconds, context=context)


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
