"""``iterm-mcp install`` and ``uninstall``, judged by the client whose configuration they change."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from scripts.acceptance.rig import SERVER, Rig, expect

NAME = "iterm-mcp"


@dataclass(frozen=True, slots=True)
class Setup:
    """A client that its user has set up already.

    Attributes:
        name: What `iterm-mcp install` calls it.
        file: Its configuration, in the home folder.
        given: What the configuration holds; one server in it is called ``other``.
        listing: The client's command that lists its servers.
        fine: What it then says of one that is as it should be.
        environ: What the listing needs besides.
        writes_itself: It writes to its configuration whatever it is asked, so that nobody can give
            it back as it was.
    """

    name: str
    file: str
    given: str
    listing: tuple[str, ...]
    fine: str
    environ: dict[str, str] = field(default_factory=dict)
    writes_itself: bool = False


def installed(rig: Rig, setup: Setup) -> str:
    """Shown, put in, put in again, listed by the client, and taken out: nothing else changes."""
    path = rig.folder / setup.file
    path.parent.mkdir(exist_ok=True)
    path.write_text(setup.given, "utf-8")
    install = [SERVER, "install", *rig.pairs("--env"), setup.name]

    shown = rig.run([*install, "--dry-run"])
    expect("\n+" in shown and NAME in shown, "--dry-run shows no difference", shown)
    expect(path.read_text("utf-8") == setup.given, "--dry-run has changed the file", path)

    said = rig.run(install)
    added = path.read_text("utf-8")
    expect("added to" in said and NAME in added, "it was not added", said)
    backup = next(path.parent.glob(f"{path.name}.*.backup"), None)
    expect(backup and backup.read_text("utf-8") == setup.given, "no backup is as it was", said)
    said = rig.run(install)
    expect("has it already" in said, "it was added twice", said)
    expect(path.read_text("utf-8") == added, "the second time has changed the file", said)

    code, said = rig.judge([SERVER, "doctor"])
    failures = [line for line in said.splitlines() if line.startswith("fail")]
    expect(code == 0, "the doctor finds something", failures)
    listed = rig.run(setup.listing, **setup.environ)
    lines = [line for line in listed.splitlines() if NAME in line]
    expect(lines and setup.fine in lines[0], f"the client does not say {setup.fine}", listed)
    expect("other" in listed, "the client has lost its other server", listed)

    said = rig.run([SERVER, "uninstall", setup.name])
    left = path.read_text("utf-8")
    if setup.writes_itself:
        servers = json.loads(left)["mcpServers"]
        expect(list(servers) == ["other"], "it is there still, or another is not", servers)
    else:
        expect(left == setup.given, "the file is not what it was", said)
    listed = rig.run(setup.listing, **setup.environ)
    expect(NAME not in listed, "the client has it still", listed)
    return "as said, and gone without a trace"
