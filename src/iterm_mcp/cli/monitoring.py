"""``iterm-mcp monitoring``: Prometheus and Alertmanager beside the daemon, in one command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iterm_mcp.cli.background import Background, leaves
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import print_json
from iterm_mcp.paths import find_paths
from iterm_mcp.processes import AlreadyRunningError, InstanceLock, lock_holder

if TYPE_CHECKING:
    from iterm_mcp.monitoring.places import Options, Places
    from iterm_mcp.monitoring.programs import Program

app = typer.Typer(
    help="Prometheus and Alertmanager with our rules, for this machine alone: up, down, status; "
    "compose writes files for Docker, with Grafana.",
    no_args_is_help=True,
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Days = Annotated[
    int | None, typer.Option("--keep-days", min=90, help="How long series are kept; usually 90.")
]
_Gigabytes = Annotated[
    float | None,
    typer.Option("--keep-gigabytes", min=0, help="The oldest are dropped beyond it; 0 for any."),
]
_Seconds = Annotated[
    int | None, typer.Option("--scrape-seconds", min=1, max=300, help="How often; usually 15.")
]
_PrometheusPort = Annotated[
    int | None, typer.Option("--prometheus-port", min=1, max=65535, help="Usually 9090.")
]
_AlertmanagerPort = Annotated[
    int | None, typer.Option("--alertmanager-port", min=1, max=65535, help="Usually 9093.")
]


@app.command()
def up(
    keep_days: _Days = None,
    keep_gigabytes: _Gigabytes = None,
    scrape_seconds: _Seconds = None,
    prometheus_port: _PrometheusPort = None,
    alertmanager_port: _AlertmanagerPort = None,
) -> None:
    """Start both in the background, unless they run, and wait until they answer.

    What is chosen holds for the next starts, too. A port that is taken is replaced.
    """
    from iterm_mcp.monitoring.places import free_ports, load_options, save_options
    from iterm_mcp.monitoring.programs import end_all, find_ours
    from iterm_mcp.monitoring.status import running_info
    from iterm_mcp.web.security import load_token

    places = _places()
    given = {
        "keep_days": keep_days,
        "keep_gigabytes": keep_gigabytes,
        "scrape_seconds": scrape_seconds,
        "prometheus_port": prometheus_port,
        "alertmanager_port": alertmanager_port,
    }
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    programs = _installed()
    if len(programs) == 1:
        typer.echo("alertmanager is not installed: alerts are seen in Prometheus alone", err=True)
    places.make()
    load_token(str(places.token))
    with InstanceLock(str(places.up_lock)).acquire(wait=True):  # one after the other
        before = load_options(places)
        options = replace(before, **chosen)
        if lock_holder(str(places.lock)) is None:
            end_all([*find_ours(places).values()])  # of a keeper that was killed: they have ports
            options = free_ports(options)
            _tell_ports(chosen, options)
        elif options != before:
            typer.echo("it runs as before; what you chose holds after `monitoring down` and `up`")
        save_options(places, options)
        _background(places).start()
    for name, one in running_info(places).get("programs", {}).items():
        typer.echo(f"{name} {one['version']} serves {one['url']}")


@app.command()
def down() -> None:
    """End both; what was scraped stays."""
    from iterm_mcp.monitoring.programs import end_all, find_ours

    places = _places()
    _background(places).stop()
    left = find_ours(places)  # of a keeper that was killed
    if left:
        end_all([*left.values()])
        typer.echo(f"ended what an earlier one had left: {', '.join(sorted(left))}")


@app.command()
def status(as_json: _Json = False) -> None:  # noqa: FBT002 - a flag
    """Tell what runs, which targets are up, what fires, what it takes; exit code 1 unless healthy.

    Whether alerts fire has no part in that.
    """
    from iterm_mcp.monitoring.status import look

    found = look(_places())
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            typer.echo(plain(line, " "))
    if not found["healthy"]:
        raise typer.Exit(1)


@app.command()
def compose(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path("iterm-mcp-monitoring"),
    keep_days: _Days = None,
    grafana_port: Annotated[
        int, typer.Option("--grafana-port", min=1, max=65535, help="Of this machine alone.")
    ] = 3000,
) -> None:
    """Write files for Docker: Prometheus, Alertmanager, and Grafana with all dashboards."""
    from iterm_mcp.monitoring.compose import write_compose
    from iterm_mcp.monitoring.places import load_options
    from iterm_mcp.web.security import load_token

    places = _places()
    places.make()
    load_token(str(places.token))
    options = load_options(places)
    if keep_days is not None:
        options = replace(options, keep_days=keep_days)
    written = write_compose(folder, places, options, grafana_port)
    typer.echo(f"{len(written)} files are in {folder}; start with: docker compose up -d")
    typer.echo(f"Grafana is then at http://127.0.0.1:{grafana_port}")


@app.command(hidden=True)
def run() -> None:
    """Keep both up in the foreground until SIGTERM."""
    import anyio

    from iterm_mcp.clock import SystemClock
    from iterm_mcp.monitoring.keeping import Keeper, NotKeptError
    from iterm_mcp.monitoring.places import load_options

    places = _places()
    programs = _installed()
    places.make()
    try:
        lock = InstanceLock(str(places.lock)).acquire()
    except AlreadyRunningError as error:
        typer.echo(f"monitoring runs already, process {error.pid}", err=True)
        return
    told: list[str] = []
    with lock:
        try:
            anyio.run(Keeper(places, load_options(places), programs, SystemClock()).run)
        except* NotKeptError as errors:
            told = [str(one) for one in leaves(errors)]
    if told:
        typer.echo("; ".join(told), err=True)
        raise typer.Exit(1)


def _places() -> Places:
    from iterm_mcp.monitoring.places import places_of

    return places_of(find_paths())


def _background(places: Places) -> Background:
    from iterm_mcp.monitoring.status import running_info

    return Background(
        "monitoring", str(places.lock), str(places.spawn_lock), lambda: bool(running_info(places))
    )


def _installed() -> list[Program]:
    """Return what is installed; without Prometheus, end with how to get it."""
    from iterm_mcp.monitoring.programs import ALERTMANAGER, HOW_TO_GET, PROMETHEUS, find_program

    prometheus = find_program(PROMETHEUS)
    if prometheus is None:
        typer.echo(f"prometheus is not installed. To get it:\n\n{HOW_TO_GET}", err=True)
        raise typer.Exit(1)
    alertmanager = find_program(ALERTMANAGER)
    return [prometheus] if alertmanager is None else [prometheus, alertmanager]


def _tell_ports(chosen: dict[str, Any], options: Options) -> None:
    for name in ("prometheus_port", "alertmanager_port"):
        port = getattr(options, name)
        if chosen.get(name, port) != port:
            typer.echo(f"port {chosen[name]} is taken; it is {port} instead", err=True)


def _lines(found: dict[str, Any]) -> list[str]:
    lines = []
    for name, one in found["programs"].items():
        if one["running"] and "url" in one:
            again = f", started again {one['restarts']} times" if one["restarts"] else ""
            lines.append(f"{name} {one['version']}  {one['url']}  process {one['pid']}{again}")
        elif one["running"]:
            lines.append(f"{name}  runs without its keeper")
        elif "url" in one:
            lines.append(f"{name} {one['version']}  has ended and is being started again")
        else:
            has = f"installed ({one['installed']})" if one.get("installed") else "not installed"
            lines.append(f"{name}  does not run, {has}")
    if "left_behind" in found:
        left = ", ".join(found["left_behind"])
        lines.append(f"left behind by a keeper that was killed: {left}; `monitoring down` ends it")
    for one in found.get("targets", []):
        problem = f"  {one['problem']}" if one["problem"] else ""
        lines.append(f"target {one['job']} {one['instance']}  {one['health']}{problem}")
    if "rules" in found:
        told = found["rules"]
        lines.append(f"rules: {told['alerting']} alerting, {told['recording']} recording")
        lines += [f"rule {one['name']} is broken: {one['problem']}" for one in told["broken"]]
    lines += [
        f"alert {one['name']}  {one['state']}  {one['severity']}  {one['summary']}"
        for one in found.get("alerts", [])
    ]
    if "problem" in found:
        lines.append(found["problem"])
    disk = found["disk_bytes"]["prometheus"] / 1e6
    lines.append(f"{disk:.1f} MB of series in {found['folder']}, kept {found['keep_days']} days")
    return lines
