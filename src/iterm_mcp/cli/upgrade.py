"""``iterm-mcp host upgrade``: another version of the host, and every shell goes on."""

from __future__ import annotations

import sys
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from iterm_mcp.paths import find_paths
from iterm_mcp.processes import lock_holder

if TYPE_CHECKING:
    from iterm_mcp.paths import Paths

REHEARSAL_SECONDS = 90.0
SWITCH_SECONDS = 60.0
_PAUSE_SECONDS = 0.02


def upgrade(
    python: Annotated[
        str, typer.Option(help="The Python that has the new version; this command's own if none.")
    ] = sys.executable,
) -> None:
    """Replace the running host's code by this version. Shells go on; clients connect again.

    Where that fails the host goes on as it was, and the exit code is 1.
    """
    from iterm_mcp.cli.host_call import HostCallError, call_host

    paths = find_paths()
    began = monotonic()
    try:
        plan = call_host(
            paths,
            None,
            "iterm_mcp.upgrade",
            within_seconds=REHEARSAL_SECONDS,
            python=python,
        )
        after = _wait(paths, plan["count"])
    except HostCallError as error:
        _fail(str(error))
    took = monotonic() - began
    kept = plan["sessions"]
    typer.echo(
        f"upgraded from {plan['version']} to {after['version']} in {took:.1f} s;"
        f" {kept} session{'' if kept == 1 else 's'} kept"
    )


def rehearse(fd: int) -> None:
    """Say whether this version can go on with a state, for a host that asks before it upgrades."""
    import json

    import anyio

    from iterm_mcp.host.upgrade.rehearsal import UpgradeError, recall, try_state

    try:
        fits = anyio.run(try_state, recall(fd))
    except UpgradeError as error:
        _fail(str(error))
    typer.echo(json.dumps(fits))


def _wait(paths: Paths, count: int) -> dict[str, Any]:
    """Wait until a host answers that has one upgrade more behind it; return what it says.

    Raises:
        HostCallError: None does.
    """
    from iterm_mcp.cli.host_call import HostCallError, call_host

    began = monotonic()
    missing: Exception | None = None
    while monotonic() - began < SWITCH_SECONDS:
        if lock_holder(paths.host_lock) is None:
            raise HostCallError("the host has ended; its log says why")
        try:
            now: dict[str, Any] = call_host(paths, None, "iterm_mcp.upgrades")
        except (HostCallError, TimeoutError) as error:  # sent away with all other clients
            missing = error
        else:
            if now["count"] > count:
                return now
            if now["problem"]:
                raise HostCallError(f"the host goes on as it was: {now['problem']}")
        sleep(_PAUSE_SECONDS)
    raise HostCallError(f"no upgraded host answers after {SWITCH_SECONDS:.0f} s ({missing})")


def _fail(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(1)
