"""The verbs of ``iterm-mcp``, one file each; every verb imports only what it runs."""

from pathlib import Path
from typing import Annotated

import typer

import iterm_mcp.cli.agent_wizard as agent_verbs
import iterm_mcp.cli.alerts as alert_verbs
import iterm_mcp.cli.approvals as approval_verbs
import iterm_mcp.cli.audit as audit_verbs
import iterm_mcp.cli.backlog as backlog_verbs
import iterm_mcp.cli.budgets as budget_verbs
import iterm_mcp.cli.choosing as choosing_verbs
import iterm_mcp.cli.daemon as daemon_verbs
import iterm_mcp.cli.events as event_verbs
import iterm_mcp.cli.host as host_verbs
import iterm_mcp.cli.messages as message_verbs
import iterm_mcp.cli.monitoring as monitoring_verbs
import iterm_mcp.cli.notes as notes_verbs
import iterm_mcp.cli.playbook as playbook_verbs
import iterm_mcp.cli.tasks as task_verbs
import iterm_mcp.cli.tokens as token_verbs
import iterm_mcp.cli.worktrees as worktree_verbs
from iterm_mcp.cli.attach import attach
from iterm_mcp.cli.doctor import doctor
from iterm_mcp.cli.install import install, uninstall
from iterm_mcp.cli.probe import probe

app = typer.Typer(
    name="iterm-mcp",
    help="The control plane for terminals and for the coding agents that live in them. "
    "Without a verb it is the MCP server on stdio: that is what goes into a client's "
    "configuration. It takes --tier read|mutate|destructive, the most that this client may do, "
    "and --tools core|all|auto or names of tools, what it is shown.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(daemon_verbs.app, name="daemon")
app.add_typer(agent_verbs.app, name="agents")
app.add_typer(alert_verbs.app, name="alerts")
app.add_typer(approval_verbs.app, name="approvals")
app.add_typer(audit_verbs.app, name="audit")
app.add_typer(backlog_verbs.app, name="backlog")
app.add_typer(budget_verbs.app, name="budgets")
app.add_typer(choosing_verbs.app, name="choosing")
app.add_typer(event_verbs.app, name="events")
app.add_typer(host_verbs.app, name="host")
app.add_typer(message_verbs.app, name="messages")
app.add_typer(monitoring_verbs.app, name="monitoring")
app.add_typer(notes_verbs.app, name="notes")
app.add_typer(playbook_verbs.app, name="playbook")
app.add_typer(task_verbs.app, name="tasks")
app.add_typer(token_verbs.app, name="tokens")
app.add_typer(worktree_verbs.app, name="worktrees")
app.command()(attach)
app.command()(install)
app.command()(uninstall)
app.command()(doctor)
app.command()(probe)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - how typer hands a flag on
    if wanted:
        version()
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
]


@app.callback()
def options(_version: _Version = False) -> None:  # noqa: FBT002 - a flag
    """Take what stands before a verb."""


@app.command()
def demo(
    picture: Annotated[
        Path | None, typer.Option(help="Also write what is shown to this file, as SVG.")
    ] = None,
) -> None:
    """Show four agents being told and answering, in a temporary home."""
    from iterm_mcp.cli.demo import demo as play

    play(picture)


@app.command()
def version() -> None:
    """Print the version."""
    from iterm_mcp import __version__

    typer.echo(__version__)


def main() -> int:
    """Run the command line and return its exit code.

    A file or folder that cannot be used is the user's to mend, and no bug: it is named, without
    a traceback.
    """
    try:
        app()
    except OSError as error:
        if error.filename is None:
            raise
        typer.echo(f"iterm-mcp: {error.strerror}: {error.filename}", err=True)
        return 1
    return 0
