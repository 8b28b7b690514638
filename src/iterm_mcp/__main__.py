"""The one entry point. Without a verb it is the relay, and imports nothing else."""

import sys


def main() -> int:
    """Run the verb that the command line names; without one, relay MCP over stdio."""
    if sys.argv[1:2] == ["--detached"]:  # from processes.spawn_detached
        from iterm_mcp.processes import detach

        del sys.argv[1]
        detach()
    if len(sys.argv) == 1 or sys.argv[1].startswith(("--tier", "--tools")):
        from iterm_mcp.relay import main as relay

        return relay(sys.argv[1:])
    from iterm_mcp.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
