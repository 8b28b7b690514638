"""Where things stand on disk. Standard library only: the relay imports this.

``ITERM_MCP_HOME`` moves everything. Without it, state stands in
``$XDG_STATE_HOME/iterm-mcp`` (macOS: ``~/Library/Application Support/iterm-mcp``) and the
host's socket where the ``iterm2`` library looks for it.
"""

import os
import sys

HOME_VARIABLE = "ITERM_MCP_HOME"
SUITE = "iterm-mcp"


class Paths:
    """All files of one installation. Nothing is created by asking.

    Attributes:
        state: The state folder, absolute.
        suite: The value of ``IT2_SUITE`` under which the ``iterm2`` library finds our host.
        private: True when ``ITERM_MCP_HOME`` moved the state folder.
        user_home: The user's home folder.
    """

    __slots__ = ("private", "state", "suite", "user_home")  # dataclasses would import re, inspect

    def __init__(self, state: str, suite: str, user_home: str, *, private: bool) -> None:
        self.state = state
        self.suite = suite
        self.user_home = user_home
        self.private = private

    @property
    def daemon_socket(self) -> str:
        """Where MCP clients' relays connect."""
        return f"{self.state}/daemon.sock"

    @property
    def daemon_lock(self) -> str:
        """Held by the running daemon for as long as it lives."""
        return f"{self.state}/daemon.lock"

    @property
    def daemon_spawn_lock(self) -> str:
        """Held by the one relay that is starting a daemon."""
        return f"{self.state}/daemon.spawn.lock"

    @property
    def daemon_info(self) -> str:
        """JSON about the running daemon: pid and HTTP address."""
        return f"{self.state}/daemon.json"

    @property
    def token(self) -> str:
        """The bearer token of the HTTP side, mode 0600."""
        return f"{self.state}/token"

    @property
    def database(self) -> str:
        """Agents, teams, receipts."""
        return f"{self.state}/state.db"

    @property
    def events(self) -> str:
        """The folder of all that happened; see `iterm_mcp.store.events`."""
        return f"{self.state}/events"

    @property
    def spool(self) -> str:
        """The folder in which agents' hooks leave events."""
        return f"{self.state}/spool"

    @property
    def prices(self) -> str:
        """What models cost, as the user writes it in TOML."""
        return f"{self.state}/prices.toml"

    @property
    def budgets(self) -> str:
        """What may be spent, as the user writes it in TOML."""
        return f"{self.state}/budgets.toml"

    @property
    def alerts(self) -> str:
        """What is worth an alert, and where it is told, as the user writes it in TOML."""
        return f"{self.state}/alerts.toml"

    @property
    def probe(self) -> str:
        """Stands while a run of the probe has not been cleaned up."""
        return f"{self.state}/probe.underway"

    @property
    def shares(self) -> str:
        """The folder of files that are shared by links."""
        return f"{self.state}/shares"

    @property
    def worktrees(self) -> str:
        """The folder in which worktrees are made."""
        return f"{self.state}/worktrees"

    @property
    def worktree_settings(self) -> str:
        """How worktrees are set up, as the user writes it in TOML."""
        return f"{self.state}/worktrees.toml"

    @property
    def task_settings(self) -> str:
        """How much work is done at once, as the user writes it in TOML."""
        return f"{self.state}/tasks.toml"

    @property
    def attempts(self) -> str:
        """The folder of what attempts at tasks are told, and of what is kept of them."""
        return f"{self.state}/tasks"

    @property
    def backlog_settings(self) -> str:
        """What counts as left undone in repositories, as the user writes it in TOML."""
        return f"{self.state}/backlog.toml"

    @property
    def choosing(self) -> str:
        """By whom work is done, and how that is chosen, as the user writes it in TOML."""
        return f"{self.state}/choosing.toml"

    @property
    def roles(self) -> str:
        """What agents of which role may do, as the user writes it in TOML."""
        return f"{self.state}/roles.toml"

    @property
    def approval_rules(self) -> str:
        """What agents may do without asking a person, as the user writes it."""
        return f"{self.state}/approvals.toml"

    @property
    def installations(self) -> str:
        """What was changed in which client's configuration."""
        return f"{self.state}/installations.json"

    @property
    def logs(self) -> str:
        """The folder of log files."""
        return f"{self.state}/logs"

    @property
    def audit(self) -> str:
        """Every tool call, one JSON object a line; older files beside it end in a number."""
        return f"{self.logs}/audit.jsonl"

    @property
    def audit_key(self) -> str:
        """The key of the digests in the audit log, mode 0600."""
        return f"{self.state}/audit.key"

    @property
    def host_lock(self) -> str:
        """Held by the running host for as long as it lives."""
        return f"{self.state}/host.lock"

    @property
    def host_spawn_lock(self) -> str:
        """Held by the one process that is starting a host."""
        return f"{self.state}/host.spawn.lock"

    @property
    def host_cookie(self) -> str:
        """The cookie that the host accepts, mode 0600."""
        return f"{self.state}/host.cookie"

    @property
    def host_info(self) -> str:
        """JSON about the running host: pid, and how many sessions it can carry."""
        return f"{self.state}/host.json"

    @property
    def profiles(self) -> str:
        """The folder of the user's profiles, as iTerm2's Dynamic Profiles."""
        return f"{self.state}/profiles"

    @property
    def profile_edits(self) -> str:
        """What scripts changed in shared profiles."""
        return f"{self.state}/profile-edits.json"

    @property
    def color_presets(self) -> str:
        """The folder of the user's colour presets."""
        return f"{self.state}/color-presets"

    @property
    def preferences(self) -> str:
        """The app's preferences, as scripts set them."""
        return f"{self.state}/preferences.json"

    @property
    def arrangements(self) -> str:
        """The saved arrangements of windows."""
        return f"{self.state}/arrangements.json"

    @property
    def recordings(self) -> str:
        """The folder of recorded sessions."""
        return f"{self.state}/recordings"

    @property
    def host_suite_folder(self) -> str:
        """The folder that holds ``private/socket``.

        With a private state folder it stands inside it, and `library_folder` is a symbolic
        link to it; otherwise both are the same folder.
        """
        return f"{self.state}/host" if self.private else self.library_folder

    @property
    def host_socket(self) -> str:
        """The host's socket itself."""
        return f"{self.host_suite_folder}/private/socket"

    @property
    def library_folder(self) -> str:
        """Where the unmodified ``iterm2`` library looks, given ``IT2_SUITE`` = `suite`."""
        return f"{self.user_home}/Library/Application Support/{self.suite}"

    @property
    def library_socket(self) -> str:
        """The socket path that the unmodified ``iterm2`` library opens."""
        return f"{self.library_folder}/private/socket"


def find_paths(environ: "os._Environ[str] | dict[str, str] | None" = None) -> Paths:
    """Work out the paths from the environment (default: this process's own)."""
    env = os.environ if environ is None else environ
    user_home = env.get("HOME") or os.path.expanduser("~")
    moved = env.get(HOME_VARIABLE)
    if moved:
        state = os.path.abspath(os.path.expanduser(moved))
        return Paths(state, f"{SUITE}-{_short_name(state)}", user_home, private=True)
    if sys.platform == "darwin":
        state = f"{user_home}/Library/Application Support/{SUITE}"
    else:
        base = env.get("XDG_STATE_HOME", "")
        # The standard has a relative one ignored: it names another folder to each process.
        state = f"{base if os.path.isabs(base) else f'{user_home}/.local/state'}/{SUITE}"
    return Paths(state, SUITE, user_home, private=False)


def make_private_folder(path: str) -> None:
    """Create a folder that only its owner may enter, or tighten an existing one."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    os.chmod(path, 0o700)


def make_private_file(path: str) -> None:
    """Create a file that only its owner may read, or tighten an existing one.

    SQLite gives its companion files the mode of the file itself.

    Raises:
        OSError: It can be neither created nor written.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(file, 0o600)
    finally:
        os.close(file)


def write_private(path: "str | os.PathLike[str]", text: str, *, lasting: bool = False) -> None:
    """Write a file whole or not at all, for its owner alone. Meanwhile the old one is read.

    Args:
        lasting: It is on the disk when this returns, and outlives a fall of the machine.

    Raises:
        OSError: It cannot be written; what was there before is there still.
    """
    folder, name = os.path.split(os.fspath(path))
    beside = os.path.join(folder, f".{name}.{os.getpid()}")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as out:
            os.fchmod(file, 0o600)
            out.write(text)
            if lasting:
                out.flush()
                os.fsync(file)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _short_name(state: str) -> str:
    """Eight hexadecimal digits that tell one state folder from another."""
    import zlib  # noqa: PLC0415 - one C module, and only for a moved home

    return f"{zlib.crc32(os.fsencode(state)):08x}"
