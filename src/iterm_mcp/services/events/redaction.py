"""Secrets taken out of what is kept and shared. Pure.

What is found is known by its form: keys with their issuers' marks, tokens in headers and addresses,
values given to names that say what they are. It cannot find a password that looks like a word in
the middle of a sentence. Patterns run in linear time, whatever the text holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.events import Event
    from iterm_mcp.models.observations import Json

FORMS: Mapping[str, str] = {
    "aws_key_id": r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
    "github_token": r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})\b",
    "gitlab_token": r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,}",
    "slack_token": r"xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}",
    "slack_webhook": r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    "discord_webhook": r"discord(?:app)?\.com/api/webhooks/[0-9]{10,25}/[A-Za-z0-9_-]{30,}",
    "model_key": r"sk-(?:ant-|proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,}",
    "google_key": r"AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}|GOCSPX-[\w-]{20,50}",
    "stripe_key": r"(?:sk|rk|whsec)_(?:(?:live|test)_)?[0-9A-Za-z]{20,}\b",
    "package_token": (
        r"npm_[A-Za-z0-9]{36}\b|pypi-[A-Za-z0-9_-]{50,}|rubygems_[a-f0-9]{48}\b"
        r"|dckr_pat_[A-Za-z0-9_-]{20,60}"
    ),
    "service_token": (
        r"hf_[A-Za-z0-9]{30,60}\b|do[opr]_v1_[a-f0-9]{64}\b|SG\.[\w-]{16,32}\.[\w-]{30,64}"
        r"|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b|(?:xai|gsk|pplx|r8|fw|tvly|lin_api|dapi)"
        r"[-_][A-Za-z0-9]{24,}\b|EAACEdEose0cBA[0-9A-Za-z]+|[0-9]{8,10}:AA[\w-]{33}"
        r"|hv[sb]\.[A-Za-z0-9_-]{20,}|sntry[su]_[A-Za-z0-9+/=_-]{40,}"
    ),
    "jwt": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "age_key": r"AGE-SECRET-KEY-1[0-9A-Z]{58}\b",
}
"""Secrets that say what they are, at the beginning of a word or behind a colour's sequence."""

_NAMES = (
    r"(?:api[_-]?key|access[_-]?key|secret[_-]?key|account[_-]?key|private[_-]?key|signing[_-]?key"
    r"|encryption[_-]?key|secret|passw(?:or)?d|passphrase|auth[_-]?token|access[_-]?token"
    r"|refresh[_-]?token|bearer[_-]?token|id[_-]?token|session[_-]?token|credentials?|cookie)"
)

PLACES: Mapping[str, str] = {
    "private_key": (
        r"(-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-]|--[^-])*"
        r"(?:-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----)?)"
    ),
    "authorization": (
        r"(?i)\b(?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
        r"(?:(?:bearer|basic|token|digest|negotiate|apikey)\s{1,3})?([^\s\"',;]{6,})"
    ),
    "bearer": r"(?i)\bbearer\s{1,3}([A-Za-z0-9._~+/=-]{20,})",
    "password_in_address": r"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>]*:([^\s/@\"'<>]{3,})@",
    "variable": (
        r"\b(?:(?:[A-Z0-9_]*_)?(?:API|ACCESS|SECRET|AUTH)?(?:KEY|PAT)"
        r"|[A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?))"
        r"(?:_[A-Z0-9]{1,20})?=[\"']?([^\s\"'$<{(;&|]{6,})"
    ),
    "value": (
        r"(?i)(?:\b|_)" + _NAMES + r"\\?[\"']?\s{0,3}(?:=>|[:=])\s{0,3}"
        r"(?:\\?[\"'])([^\\\"'\s<>${}()]{6,})\\?[\"']"
    ),
    "option": (
        r"(?i)\s--?(?:api-?key|token|password|passwd|secret|auth-token|access-token|client-secret)"
        r"[= ][\"']?([^\s\"'$<-][^\s\"'$<]{5,})"
    ),
    "login": (
        r"\b(?:curl|wget|https?|xh)\b[^\n]*\s(?:-u|--user)[= ][\"']?[^\s:\"']+:([^\s\"'$]{3,})"
    ),
    "netrc": r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S{3,})",
}
"""Secrets between marks, or in a place for them: the group."""

_KEY = re2.compile(r"(?i)(?:.*[_-])?" + _NAMES + r"|(?:.*[_-])?(?:token|authorization|set-cookie)")
"""Names in structured data whose text is a secret, whatever it looks like."""

_PLAIN = re2.compile(
    r"(?i)(?:\[redacted:[a-z_]+\]|true|false|null|none|undefined|required|optional|string|x{3,}"
    r"|\*{3,}|\.{3,}|<.*>|\$.*|changeme|example|placeholder|your[-_ ].*"
    r"|os\.environ.*|process\.env.*|(?:https?|file)://.*)"
)
"""What stands in such a place and is no secret."""


KNOWN_NAMES, SHORT_NAME = 2000, 100
"""Of so many names, of so many characters at most, it is known what they say: few there are."""


@dataclass(frozen=True, slots=True)
class _Form:
    name: str
    pattern: re2._Regexp
    placed: bool


_START = r"(?:\b|\[[0-9;]*m)"


def _compiled() -> tuple[_Form, ...]:
    marked = {name: f"{_START}({pattern})" for name, pattern in FORMS.items()}
    return tuple(
        _Form(name, re2.compile(pattern.encode()), placed)
        for placed, forms in ((False, marked), (True, PLACES))
        for name, pattern in forms.items()
    )


_FORMS = _compiled()


def _any() -> re2.Set:
    found = re2.Set.SearchSet()
    for form in _FORMS:
        found.Add(form.pattern.pattern)
    found.Compile()
    return found


_ANY = _any()


def redact(text: str) -> str:
    """Return the text with ``[redacted:WHAT]`` in the place of each secret."""
    data = text.encode("utf-8", "surrogatepass")
    hits = _ANY.Match(data)
    if not hits:
        return text
    for index in sorted(hits):
        form = _FORMS[index]
        data = _without(form, data)
    return data.decode("utf-8", "surrogatepass")


def find_secrets(text: str) -> list[tuple[int, int]]:
    """Return where secrets stand in the text: from which character, and before which."""
    data = text.encode("utf-8", "surrogatepass")
    spans = [
        found.span(1)
        for index in sorted(_ANY.Match(data) or ())
        for found in _FORMS[index].pattern.finditer(data)
        if not (_FORMS[index].placed and _PLAIN.fullmatch(found[1]))
    ]
    if not spans or len(data) == len(text):
        return spans
    ends = sorted({place for span in spans for place in span})
    characters, count, before = {}, 0, 0
    for place in ends:
        count += len(data[before:place].decode("utf-8", "surrogatepass"))
        characters[place], before = count, place
    return [(characters[start], characters[end]) for start, end in spans]


def _without(form: _Form, data: bytes) -> bytes:
    mark = f"[redacted:{form.name}]".encode()
    kept: list[bytes] = []
    end = 0
    for found in form.pattern.finditer(data):
        if form.placed and _PLAIN.fullmatch(found[1]):
            continue
        start, stop = found.span(1)
        kept += (data[end:start], mark)
        end = stop
    return b"".join((*kept, data[end:]))


def redact_json(value: Json, name: str = "") -> Json:
    """Return a value with every text in it redacted, and those whole whose name says secret.

    Args:
        name: Under which it stands.
    """
    if isinstance(value, str):
        if name and len(value) > 2 and _names_secret(name) and not _PLAIN.fullmatch(value):  # noqa: PLR2004 - shorter tells nothing
            return "[redacted:value]"
        return redact(value)
    if isinstance(value, list):
        return [redact_json(one, name) for one in value]
    if isinstance(value, dict):
        return {redact(key): redact_json(one, key) for key, one in value.items()}
    return value


def _names_secret(name: str) -> bool:
    if len(name) <= SHORT_NAME:
        return _short_names_secret(name)
    return _KEY.fullmatch(name) is not None


@lru_cache(maxsize=KNOWN_NAMES)
def _short_names_secret(name: str) -> bool:
    return _KEY.fullmatch(name) is not None


def redact_event(event: Event) -> Event:
    """Return an event without secrets in its subject, text and payload."""
    return replace(
        event,
        subject=redact(event.subject),
        text=redact(event.text),
        payload={key: redact_json(value, key) for key, value in event.payload.items()},
    )
