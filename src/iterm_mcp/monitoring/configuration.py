"""What Prometheus and Alertmanager are told, as the texts of their files; and writing them."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from iterm_mcp.monitoring.places import HOST
from iterm_mcp.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.monitoring.places import Options, Places

JOB = "iterm-mcp"
USUAL_DAEMON = "http://127.0.0.1:7717"
INTAKE = "/v1/alertmanager"
"""Where the daemon takes alerts."""

SHIPPED_RULES = Path(__file__).parent / "rules"
HEAD = "# Written by iterm-mcp at each start of monitoring; changes are lost.\n"


def to_yaml(told: Any) -> str:  # noqa: ANN401 - anything that YAML has
    """Return a document of ours."""
    return HEAD + yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)


def prometheus_config(options: Options, token: str, targets: str, rules: str) -> dict[str, Any]:
    """Return Prometheus' configuration.

    Args:
        token: The file that holds it, as is `targets`.
        rules: A pattern of files.
    """
    every = f"{options.scrape_seconds}s"
    own = f"{HOST}:{options.prometheus_port}"
    alertmanager = f"{HOST}:{options.alertmanager_port}"
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": JOB,
                "authorization": {"credentials_file": token},
                "file_sd_configs": [{"files": [targets]}],
            },
            {"job_name": "prometheus", "static_configs": [{"targets": [own]}]},
            {"job_name": "alertmanager", "static_configs": [{"targets": [alertmanager]}]},
        ],
    }


def alertmanager_config(daemon: str, token: str) -> dict[str, Any]:
    """Return Alertmanager's configuration: everything goes to the daemon, which tells people.

    Args:
        daemon: The URL under which it serves.
        token: The file that holds it.
    """
    return {
        "route": {
            "receiver": JOB,
            "group_by": ["alertname"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
        },
        "receivers": [
            {
                "name": JOB,
                "webhook_configs": [
                    {
                        "url": daemon + INTAKE,
                        "send_resolved": True,
                        "max_alerts": 500,  # what the daemon takes at once
                        "http_config": {"authorization": {"credentials_file": token}},
                    }
                ],
            }
        ],
    }


def targets_file(daemon: str) -> str:
    """Return where Prometheus finds the daemon, which it knows by the machine's name."""
    labels = {"instance": socket.gethostname() or "localhost"}
    return json.dumps([{"targets": [urlsplit(daemon).netloc], "labels": labels}]) + "\n"


def prometheus_arguments(options: Options, config: str, data: str) -> list[str]:
    """Return the arguments under which Prometheus serves this machine alone."""
    arguments = [
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={options.keep_days}d",
        f"--web.listen-address={HOST}:{options.prometheus_port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    if options.keep_gigabytes:
        arguments.insert(3, f"--storage.tsdb.retention.size={options.keep_gigabytes * 1000:.0f}MB")
    return arguments


def alertmanager_arguments(options: Options, config: str, data: str) -> list[str]:
    """Return the arguments under which Alertmanager serves this machine, and joins no others."""
    return [
        f"--config.file={config}",
        f"--storage.path={data}",
        f"--web.listen-address={HOST}:{options.alertmanager_port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def shipped_rules() -> Sequence[Path]:
    """Return the files of rules that are shipped."""
    return sorted(SHIPPED_RULES.glob("*.yml"))


def install(places: Places, options: Options, daemon: str) -> None:
    """Write all files, for their owner alone.

    Raises:
        OSError: One cannot be written.
    """
    places.make()
    shipped = shipped_rules()
    for one in shipped:
        write_private(places.rules / one.name, one.read_text("utf-8"))
    for old in places.rules.glob("*.yml"):  # of an earlier version
        if old.name not in {one.name for one in shipped}:
            old.unlink()
    config = prometheus_config(
        options, str(places.token), str(places.targets), str(places.rules / "*.yml")
    )
    write_private(places.prometheus_config, to_yaml(config))
    point_at(places, daemon)


def point_at(places: Places, daemon: str) -> None:
    """Write down where the daemon is; Prometheus sees it, Alertmanager must be told.

    Raises:
        OSError: It cannot be written.
    """
    write_private(places.targets, targets_file(daemon))
    config = alertmanager_config(daemon, str(places.token))
    write_private(places.alertmanager_config, to_yaml(config))


def daemon_url(places: Places) -> str | None:
    """Return where the daemon serves, or served last; None while nobody has said so."""
    try:
        told = json.loads(places.daemon_info.read_text("utf-8"))["http"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(told)
