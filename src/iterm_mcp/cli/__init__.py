"""The verbs of ``iterm-mcp``, one file each; every verb imports only what it runs."""

import typer

from iterm_mcp.cli import daemon, host

app = typer.Typer(
    name="iterm-mcp",
    help="The control plane for terminals and for the coding agents that live in them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(daemon.app, name="daemon")
app.add_typer(host.app, name="host")


def main() -> int:
    """Run the command line and return its exit code."""
    app()
    return 0
