"""The files of rules that Prometheus loads. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from scripts.alerts import FAMILIES
from scripts.alerts.slos import objectives, recordings

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = "src/iterm_mcp/monitoring/rules"
HEAD = "# Written by `python -m scripts.generate` from scripts/alerts: change it there.\n"
QUICK, SLOW = ("5m", "30m", "1h"), ("6h", "3d")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and indents lists."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Indent whatever it is."""
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _file(groups: Iterable[dict[str, Any]]) -> str:
    told = yaml.dump(
        {"groups": list(groups)}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96
    )
    return HEAD + str(told)


def recording_file() -> str:
    """Return the recording rules: those over long windows are computed less often."""
    return _file((
        {
            "name": "iterm-mcp-slo",
            "interval": "30s",
            "rules": [one.rule() for one in (*objectives(), *recordings(QUICK))],
        },
        {
            "name": "iterm-mcp-slo-slow",
            "interval": "2m",
            "rules": [one.rule() for one in recordings(SLOW)],
        },
    ))  # fmt: skip


def alert_file() -> str:
    """Return the alerts, one group a family."""
    return _file(
        {
            "name": f"iterm-mcp-{family.name}",
            "interval": "30s",
            "rules": [alert.rule(family.name) for alert in family.alerts],
        }
        for family in FAMILIES
    )


def rule_files() -> dict[str, str]:
    """Return the files by their paths, from the root of the repository."""
    return {f"{FOLDER}/alerts.yml": alert_file(), f"{FOLDER}/recording.yml": recording_file()}
