"""Asking Prometheus and Alertmanager how they are. Everything here blocks, for a bounded time."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

ASK_SECONDS = 5.0
LOOK_SECONDS = 1.0
OK = 200
MOST_BYTES = 16 << 20


class NoAnswerError(Exception):
    """Nobody answers, or not as Prometheus would."""


def is_ready(host: str, port: int) -> bool:
    """Tell whether a program has read its data, and serves."""
    return _is_ok(host, port, "/-/ready")


def is_healthy(host: str, port: int) -> bool:
    """Tell whether a program answers at all; it may still be reading its data."""
    return _is_ok(host, port, "/-/healthy")


def _is_ok(host: str, port: int, path: str) -> bool:
    try:
        with closing(HTTPConnection(host, port, timeout=LOOK_SECONDS)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status == OK
    except (OSError, HTTPException):
        return False


def ask(url: str, path: str) -> Any:  # noqa: ANN401 - JSON
    """Return what a program answers.

    Raises:
        NoAnswerError: It does not.
    """
    try:
        with closing(HTTPConnection(urlsplit(url).netloc, timeout=ASK_SECONDS)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES)
            if answer.status != OK:
                raise NoAnswerError(f"it answers with {answer.status}")
            return json.loads(body)
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswerError(str(error) or type(error).__name__) from None


def targets(prometheus: str) -> list[dict[str, str]]:
    """Return what is scraped, and whether it could be.

    Raises:
        NoAnswerError: Prometheus does not answer.
    """
    found = ask(prometheus, "/api/v1/targets?state=active")["data"]["activeTargets"]
    return [
        {
            "job": one["labels"].get("job", ""),
            "instance": one["labels"].get("instance", ""),
            "url": one["scrapeUrl"],
            "health": one["health"],
            "problem": one.get("lastError", ""),
        }
        for one in found
    ]


def rules(prometheus: str) -> dict[str, Any]:
    """Return how many rules are loaded, and which of them cannot be evaluated.

    Raises:
        NoAnswerError: Prometheus does not answer.
    """
    groups = ask(prometheus, "/api/v1/rules")["data"]["groups"]
    loaded = [rule for group in groups for rule in group["rules"]]
    return {
        "alerting": sum(one["type"] == "alerting" for one in loaded),
        "recording": sum(one["type"] == "recording" for one in loaded),
        "broken": [
            {"name": one["name"], "problem": one.get("lastError", "")}
            for one in loaded
            if one.get("health") == "err"
        ],
    }


def alerts(prometheus: str) -> list[dict[str, str]]:
    """Return the alerts that fire, or would if they went on.

    Raises:
        NoAnswerError: Prometheus does not answer.
    """
    found = ask(prometheus, "/api/v1/alerts")["data"]["alerts"]
    return [
        {
            "name": one["labels"].get("alertname", ""),
            "state": one["state"],
            "severity": one["labels"].get("severity", ""),
            "since": one.get("activeAt", ""),
            "summary": one["annotations"].get("summary", ""),
        }
        for one in found
    ]
