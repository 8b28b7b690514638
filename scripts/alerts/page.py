"""docs/alerts.md: which alert watches which path, and which runbook says what to do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.alerts import FAMILIES
from scripts.alerts.rule_files import FOLDER
from scripts.alerts.slos import (
    BURNS,
    COUNTED,
    COUNTED_WINDOWS,
    ERRORS,
    OBJECTIVE,
    OBJECTIVES,
    WINDOWS,
)

if TYPE_CHECKING:
    from scripts.alerts.rule import Alert, Family

HEAD = f"""\
<!-- Written by `python -m scripts.generate` from scripts/alerts: change it there. -->
# Alerts

Rules for Prometheus ship with the package, in `{FOLDER}`: `alerts.yml` with every alert,
`recording.yml` with what they are computed from. `iterm-mcp monitoring up` loads them. With a
Prometheus of your own, name the files under `rule_files`, and call the job that scrapes the daemon
`iterm-mcp`.

- Every alert is about one daemon (`job`, `instance`), has a severity (`critical`: somebody looks
  now; `warning`: today; `info`: when there is time), a summary, a description and a runbook, which
  leads by questions and commands to what to do.
- Every alert is tested: it fires on figures that are wrong, and stays silent on figures that are
  well; what it reads is there in a simulated fleet; and over a simulated week in which nothing is
  wrong, with an office's days and nights and daemons that are restarted, none may fire.
- Those with a `·` carry the label `told="daemon"`: the daemon finds the same by itself, names who
  it is about, and tells people by its own sinks (`alerts.toml`).

## From Alertmanager into the daemon

`POST /v1/alertmanager` takes the webhook of an Alertmanager (payload version 4, at most 500 alerts
and 2 MiB a request) from whoever shows a token of the scope `mutate`:

```yaml
receivers:
  - name: iterm-mcp
    webhook_configs:
      - url: http://127.0.0.1:PORT/v1/alertmanager
        send_resolved: true
        max_alerts: 500
        http_config:
          authorization:
            credentials_file: STATE_FOLDER/token
```

An alert that fires becomes one of the daemon's own: it stands in `iterm-mcp alerts list` (kind
`monitor`) until it is resolved, is recorded (`iterm-mcp events find --event AlertRaised`), and is
told by the sinks that want its severity; those of `told="daemon"` are not told a second time. The
same alert told again, by whichever group or Alertmanager, is the same alert. One that is not told
of for 25 hours is settled, so set `repeat_interval` to less than a day.

"""


def page() -> str:
    """Return the page."""
    parts = [HEAD, _slos(), "## Paths\n\n"]
    parts += [_table(family) for family in FAMILIES]
    return "".join(parts).rstrip() + "\n"


def _slos() -> str:
    rows = "".join(f"| `{one.slo}` | {one.target:.1%} | {one.means} |\n" for one in OBJECTIVES)
    burns = "".join(
        f"| `…{burn.name}` | {burn.factor:g} times what may be | {burn.long} and {burn.short} "
        f"| {burn.least} in {burn.counted} | {burn.spends} of thirty days' errors "
        f"| {burn.severity} |\n"
        for burn in BURNS
    )
    return (
        "## Objectives\n\n| objective | shall be | good is |\n|---|---|---|\n" + rows + "\n"
        f"`{ERRORS}WINDOW{{slo}}` is the part of events that was not good "
        f"({', '.join(WINDOWS)}), `{COUNTED}WINDOW{{slo}}` how many there were "
        f"({' and '.join(COUNTED_WINDOWS)}), and "
        f"`{OBJECTIVE}{{slo}}` what shall be. Three alerts each say that errors come too fast. "
        "The long window says that it matters, the short one that it goes on:\n\n"
        "| alert | errors come | over | with so many events at least | which takes | severity |\n"
        "|---|---|---|---|---|---|\n" + burns + "\n"
    )


def _table(family: Family) -> str:
    rows = "".join(_row(family, alert) for alert in family.alerts)
    return (
        f"### {family.title}\n\nRunbook: [{family.name}](runbooks/{family.name}.md)\n\n"
        f"| path | alert | fires when, for | severity |\n|---|---|---|---|\n{rows}\n"
    )


def _row(family: Family, alert: Alert) -> str:
    link = f"runbooks/{family.name}.md#{alert.section.lower()}"
    told = " ·" if alert.told else ""
    expr = " ".join(alert.expr.split()).replace("|", "\\|")
    held = f", {alert.held}" if alert.held else ""
    name = f"[{alert.full_name}]({link}){told}"
    return f"| {alert.path} | {name} | `{expr}`{held} | {alert.severity} |\n"
