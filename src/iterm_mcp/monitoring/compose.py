"""The same for Docker, and Grafana: a compose file with everything that it needs beside it.

All containers use the machine's own network and listen on its loopback address alone: there the
daemon serves, and nobody else is to see the series. They run as the user who wrote the files, so
that they may read the daemon's token, which is not copied.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.errors import NotFoundError
from iterm_mcp.monitoring.configuration import (
    USUAL_DAEMON,
    alertmanager_arguments,
    alertmanager_config,
    daemon_url,
    prometheus_arguments,
    prometheus_config,
    shipped_rules,
    targets_file,
    to_yaml,
)
from iterm_mcp.monitoring.places import HOST
from iterm_mcp.paths import make_private_folder, write_private

if TYPE_CHECKING:
    from iterm_mcp.monitoring.places import Options, Places

PROMETHEUS_IMAGE = "prom/prometheus:v3.5.0"
ALERTMANAGER_IMAGE = "prom/alertmanager:v0.28.1"
GRAFANA_IMAGE = "grafana/grafana:12.1.0"

TOKEN = "/run/secrets/iterm_mcp_token"  # noqa: S105 - where it is, not what
PASSWORD = "/run/secrets/grafana_password"  # noqa: S105 - as above
DATASOURCE = "prometheus"

PACKED = Path(__file__).parent / "dashboards"
"""Where a wheel has the dashboards."""
CHECKED_OUT = Path(__file__).resolve().parents[3] / "docs" / "grafana"
"""Where the repository has them."""


def shipped_dashboards() -> list[Path]:
    """Return the dashboards' files.

    Raises:
        NotFoundError: The installation has none.
    """
    for folder in (PACKED, CHECKED_OUT):
        found = sorted(folder.glob("*.json"))
        if found:
            return found
    raise NotFoundError("file", str(PACKED), hint="Install iterm-mcp again: it is not whole.")


def write_compose(folder: Path, places: Places, options: Options, grafana_port: int) -> list[Path]:
    """Write all files, and return which; a password that stands there stays.

    Raises:
        OSError: One cannot be written.
    """
    daemon = daemon_url(places) or USUAL_DAEMON
    written: list[Path] = []

    def write(name: str, text: str) -> None:
        path = folder / name
        make_private_folder(str(path.parent))
        write_private(path, text)
        written.append(path)

    make_private_folder(str(folder))
    for data in ("prometheus", "alertmanager", "grafana"):
        make_private_folder(str(folder / "data" / data))
    if not (folder / "grafana-password").exists():
        write("grafana-password", secrets.token_urlsafe(18))
    write("compose.yaml", to_yaml(compose_file(places, options, grafana_port)))
    write("prometheus/targets.json", targets_file(daemon))
    config = prometheus_config(
        options, TOKEN, "/etc/prometheus/targets.json", "/etc/prometheus/rules/*.yml"
    )
    write("prometheus/prometheus.yml", to_yaml(config))
    for one in shipped_rules():
        write(f"prometheus/rules/{one.name}", one.read_text("utf-8"))
    write("alertmanager/alertmanager.yml", to_yaml(alertmanager_config(daemon, TOKEN)))
    write("grafana/provisioning/datasources/prometheus.yaml", to_yaml(_datasource(options)))
    write("grafana/provisioning/dashboards/iterm-mcp.yaml", to_yaml(_dashboards()))
    shutil.rmtree(folder / "grafana" / "dashboards", ignore_errors=True)  # of an earlier version
    for one in shipped_dashboards():
        write(f"grafana/dashboards/{one.name}", one.read_text("utf-8"))
    return written


def compose_file(places: Places, options: Options, grafana_port: int) -> dict[str, Any]:
    """Return the compose file."""
    usual: dict[str, Any] = {
        "user": f"{os.getuid()}:{os.getgid()}",
        "network_mode": "host",
        "restart": "unless-stopped",
        "logging": {"driver": "local", "options": {"max-size": "5m", "max-file": "2"}},
    }
    return {
        "name": "iterm-mcp-monitoring",
        "services": {
            "prometheus": {
                "image": PROMETHEUS_IMAGE,
                **usual,
                "command": prometheus_arguments(
                    options, "/etc/prometheus/prometheus.yml", "/prometheus"
                ),
                "volumes": ["./prometheus:/etc/prometheus:ro", "./data/prometheus:/prometheus"],
                "secrets": ["iterm_mcp_token"],
            },
            "alertmanager": {
                "image": ALERTMANAGER_IMAGE,
                **usual,
                "command": alertmanager_arguments(
                    options, "/etc/alertmanager/alertmanager.yml", "/alertmanager"
                ),
                "volumes": [
                    "./alertmanager:/etc/alertmanager:ro",
                    "./data/alertmanager:/alertmanager",
                ],
                "secrets": ["iterm_mcp_token"],
            },
            "grafana": {
                "image": GRAFANA_IMAGE,
                **usual,
                "environment": _grafana_environment(grafana_port),
                "volumes": [
                    "./grafana/provisioning:/etc/grafana/provisioning:ro",
                    "./grafana/dashboards:/var/lib/iterm-mcp/dashboards:ro",
                    "./data/grafana:/var/lib/grafana",
                ],
                "secrets": ["grafana_password"],
                "depends_on": ["prometheus"],
            },
        },
        "secrets": {
            "iterm_mcp_token": {"file": str(places.token)},
            "grafana_password": {"file": "./grafana-password"},
        },
    }


def _grafana_environment(port: int) -> dict[str, str]:
    return {
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_SECURITY_ADMIN_PASSWORD__FILE": PASSWORD,
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    }


def _datasource(options: Options) -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": DATASOURCE,
                "type": "prometheus",
                "access": "proxy",
                "url": f"http://{HOST}:{options.prometheus_port}",
                "isDefault": True,
                "jsonData": {
                    "timeInterval": f"{options.scrape_seconds}s",
                    "prometheusType": "Prometheus",
                    "httpMethod": "POST",
                },
            },
            {
                "name": "Alertmanager",
                "uid": "alertmanager",
                "type": "alertmanager",
                "access": "proxy",
                "url": f"http://{HOST}:{options.alertmanager_port}",
                "jsonData": {"implementation": "prometheus"},
            },
        ],
    }


def _dashboards() -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "iterm-mcp",
                "folder": "iterm-mcp",
                "type": "file",
                "disableDeletion": False,
                "updateIntervalSeconds": 60,
                "options": {"path": "/var/lib/iterm-mcp/dashboards"},
            }
        ],
    }
