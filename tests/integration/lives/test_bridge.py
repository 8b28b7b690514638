"""The bridge of an agent without a screen: real pipes, a real terminal, no daemon."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.integration.lives.panes import SECONDS, Pane, open_pane, wait

from iterm_mcp.agents import bridge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Json = dict[str, Any]

ECHO = """
import sys
for line in sys.stdin:
    sys.stdout.write('{"type":"assistant","message":{"content":[{"type":"text","text":"heard"}]}}\\n')
    sys.stdout.write(line)
    sys.stdout.flush()
"""


class Daemon:
    """One connection to a bridge, as a daemon makes it.

    Attributes:
        records: All records that it was given, whole ones only: mark and what was said.
    """

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SECONDS)
        wait((folder / "talk").exists, bool)
        self._socket.connect(str(folder / "talk"))
        self._rest = b""
        self.records: list[tuple[str, str]] = []
        self.greeting: Json = json.loads(self._line())

    def begins(self, place: int = 0, since: float = 1.0) -> Json:
        """Ask for the journal; return the answer."""
        self.asks({"from": place, "since": since})
        return dict(json.loads(self._line()))

    def asks(self, *asked: Json) -> None:
        for one in asked:
            self._socket.sendall(json.dumps(one).encode() + b"\n")

    def says(self, line: str, life: str = "one") -> None:
        self.asks({"say": line, "life": life})

    def sends(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def hears(self, mark: str, text: str) -> str:
        """Wait for a record with a text in it."""
        seen = 0
        while True:
            for one, said in self.records[seen:]:
                if one == mark and text in said:
                    return said
            seen = len(self.records)
            line = self._line().decode("utf-8", "replace")
            self.records.append((line[0], line.partition(" ")[2]))

    def is_sent_away(self) -> bool:
        """Read on until the connection ends."""
        try:
            while self._socket.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        return True

    def takes_no_more_of(self, raw: bytes) -> None:
        """Write again and again, until nothing more is taken for a second."""
        self._socket.settimeout(1.0)
        for _ in range(100):
            try:
                self._socket.sendall(raw)
            except TimeoutError:
                return
        pytest.fail("all of it was taken")

    def close(self) -> None:
        self._socket.close()

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            data = self._socket.recv(1 << 16)
            if not data:
                raise EOFError
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


@contextmanager
def connected(folder: Path, place: int = 0, since: float = 1.0) -> Iterator[Daemon]:
    daemon = Daemon(folder)
    try:
        daemon.begins(place, since)
        yield daemon
    finally:
        daemon.close()


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    with open_pane(tmp_path, bridge) as one:
        yield one


def python(pane: Pane, script: str, **more: Any) -> Json:  # noqa: ANN401
    """Have a script be the agent; return the status once it runs."""
    path = pane.folder / f"agent{len(list(pane.folder.glob('agent*')))}.py"
    path.write_text(script)
    pane.order("/usr/bin/env", "python3", "-I", str(path), **more)
    life = more.get("life", "one")
    return pane.until(lambda one: one.get("life") == life and one.get("pid"))


def test_what_is_said_to_the_agent_and_by_it_is_kept_passed_on_and_shown(
    pane: Pane, tmp_path: Path
) -> None:
    status = python(pane, ECHO)

    with connected(tmp_path) as daemon:
        start = json.loads(daemon.hears("=", '"pid"'))
        daemon.says('{"type": "user", "message": {"content": "good \\u001b[31mday"}}')
        daemon.hears("<", "good")

    assert (start["life"], start["epoch"], start["pid"]) == ("one", 1, status["pid"])
    assert [mark for mark, _ in daemon.records] == ["=", ">", "<", "<"]
    shown = pane.shows("heard")
    assert "> good \ufffd[31mday" in shown
    with connected(tmp_path) as another:
        another.hears("<", "good")
        assert another.records == daemon.records


def test_the_agent_has_no_terminal_and_is_greeted_by_its_order(pane: Pane, tmp_path: Path) -> None:
    script = f"import os\nprint(os.getsid(0) == os.getpid(), os.isatty(0), flush=True)\n{ECHO}"
    python(pane, script, opening=['{"method": "initialize"}', '{"second": 2}'])

    with connected(tmp_path) as daemon:
        daemon.hears("<", "second")

    assert [said for mark, said in daemon.records if mark == ">"] == [
        '{"method": "initialize"}',
        '{"second": 2}',
    ]
    assert ("<", "True False") in daemon.records


def test_a_daemon_that_dies_amid_a_line_says_nothing_and_the_next_one_misses_nothing(
    pane: Pane, tmp_path: Path
) -> None:
    python(pane, ECHO)
    first = Daemon(tmp_path)
    first.begins()
    first.says('{"n": 1}')
    first.hears("<", '"n": 1')
    first.asks({"taken": 40})
    first.says('{"n": 2}')
    first.sends(b'{"say": "{\\"n\\": 3}", "life": ')
    first.close()

    second = Daemon(tmp_path)
    wait(lambda: _greeting(tmp_path)["taken"], lambda taken: taken == 40)
    second.begins(place=0, since=2.0)
    second.hears("<", '"n": 2')
    second.says('{"n": 4}')
    second.hears("<", '"n": 4')
    second.close()

    told = [said for mark, said in second.records if mark == ">"]
    assert told == ['{"n": 1}', '{"n": 2}', '{"n": 4}']


def _greeting(folder: Path) -> Json:
    daemon = Daemon(folder)
    daemon.close()
    return daemon.greeting


def test_of_two_daemons_the_newer_is_served(pane: Pane, tmp_path: Path) -> None:
    python(pane, ECHO)
    with connected(tmp_path, since=5.0) as newer:
        older = Daemon(tmp_path)
        assert "newer" in older.begins(since=4.0)["refused"]
        older.close()
        newer.says('{"n": 1}')
        newer.hears("<", '"n": 1')
        with connected(tmp_path, since=6.0) as newest:
            assert newer.is_sent_away()
            newest.says('{"n": 2}')
            newest.hears("<", '"n": 2')


def test_what_is_for_another_life_or_makes_no_sense_reaches_nobody(
    pane: Pane, tmp_path: Path
) -> None:
    python(pane, ECHO)
    with connected(tmp_path) as daemon:
        daemon.says('{"n": 1}', life="another")
        daemon.says('{"n": 2}')
        daemon.hears("<", '"n": 2')
        assert not any('"n": 1' in said for _, said in daemon.records)
    for nonsense in (b"what?\n", b"[1]\n", b'{"form": 1}\n', b'{"from": "x", "since": 1}\n'):
        stranger = Daemon(tmp_path)
        stranger.sends(nonsense)
        assert stranger.is_sent_away()
        stranger.close()
    silent = Daemon(tmp_path)
    silent.says('{"n": 3}')  # before it has said from where
    assert silent.is_sent_away()
    silent.close()


def test_silent_strangers_do_not_bar_the_door(pane: Pane, tmp_path: Path) -> None:
    python(pane, ECHO)
    crowd = [Daemon(tmp_path) for _ in range(bridge.CLIENTS_MOST)]

    with connected(tmp_path) as daemon:
        daemon.says('{"n": 1}')
        daemon.hears("<", '"n": 1')

    assert crowd[0].is_sent_away()
    for one in crowd:
        one.close()


def test_how_the_agent_ended_and_its_last_words_are_told_and_the_pane_stands(
    pane: Pane, tmp_path: Path
) -> None:
    script = (
        "import os, sys\nos.write(2, b'oh \\xff no\\n')\nos.write(1, b'half a line')\nsys.exit(3)"
    )
    python(pane, script)

    with connected(tmp_path) as daemon:
        ended = json.loads(daemon.hears("=", "ended"))
        assert ended == {"ended": {"code": 3}}
        assert daemon.hears("!", "oh") == "oh \ufffd no"
        assert daemon.hears("<", "half") == "half a line"
        daemon.says('{"n": 1}')  # nobody is there

    assert pane.until(lambda one: one["state"] == "ended")["code"] == 3
    pane.shows("the agent ended with code 3")
    os.write(pane.master, b"\x03")
    assert pane.ended() == 0


def test_an_agent_that_is_started_again_is_another_life_of_the_same_journal(
    pane: Pane, tmp_path: Path
) -> None:
    python(pane, ECHO)
    with connected(tmp_path) as daemon:
        daemon.says('{"n": 1}')
        daemon.hears("<", '"n": 1')
        os.kill(pane.status()["pid"], signal.SIGKILL)
        assert json.loads(daemon.hears("=", "ended")) == {"ended": {"signal": 9}}
        pane.until(lambda one: one["state"] == "ended")
        path = tmp_path / "agent0.py"
        pane.order("/usr/bin/env", "python3", "-I", str(path), life="two")
        os.kill(pane.process.pid, signal.SIGUSR1)
        daemon.hears("=", '"two"')
        daemon.says('{"n": 2}', life="two")
        daemon.hears("<", '"n": 2')
        place = _greeting(tmp_path)["life_at"]

    with connected(tmp_path, place=place) as later:
        later.hears("<", '"n": 2')
    assert json.loads(later.records[0][1])["life"] == "two"


def test_keys_mean_nothing_to_the_agent_and_the_pane_says_so(pane: Pane, tmp_path: Path) -> None:
    python(pane, ECHO)
    with connected(tmp_path) as daemon:
        os.write(pane.master, b"do it\r\x03\x1a")
        pane.shows("keys mean nothing")
        daemon.says('{"n": 1}')
        daemon.hears("<", '"n": 1')

    assert not any("do it" in said for _, said in daemon.records)
    assert pane.status()["state"] == "running"


def test_finishing_closes_the_agents_input_once_all_is_written(pane: Pane, tmp_path: Path) -> None:
    python(pane, ECHO)
    with connected(tmp_path) as daemon:
        daemon.says(json.dumps({"long": "x" * 300_000}))
        daemon.asks({"finish": "another"}, {"finish": "one"})
        daemon.says('{"n": 1}')
        daemon.hears("<", "xxx")
        assert json.loads(daemon.hears("=", "ended")) == {"ended": {"code": 0}}
        assert not any('"n": 1' in said for _, said in daemon.records)


def test_a_line_beyond_all_measure_is_left_out_and_the_next_is_not(
    pane: Pane, tmp_path: Path
) -> None:
    script = f"""
import sys
sys.stdout.write("x" * {bridge.LINE_BYTES + 10} + "\\n")
sys.stdout.write("\\xff fine\\n")
sys.stdout.flush()
sys.stdin.read()
"""
    python(pane, script)

    with connected(tmp_path) as daemon:
        daemon.hears("<", "fine")
        assert json.loads(daemon.hears("=", "left_out")) == {"left_out": 1}


def test_an_agent_that_reads_nothing_holds_the_daemon_up_and_nobody_else(
    pane: Pane, tmp_path: Path
) -> None:
    status = python(pane, "import time, sys\nprint('here', flush=True)\ntime.sleep(600)")
    line = json.dumps({"say": json.dumps({"x": "y" * (1 << 20)}), "life": "one"}).encode() + b"\n"
    with connected(tmp_path) as daemon:
        daemon.hears("<", "here")
        daemon.takes_no_more_of(line)
    assert psutil.Process(pane.process.pid).memory_info().rss < 120 << 20

    os.kill(pane.process.pid, signal.SIGTERM)
    assert pane.ended() == 128 + signal.SIGTERM
    assert not psutil.pid_exists(status["pid"])


def test_a_daemon_that_reads_slowly_costs_no_memory_and_gets_all_that_is_kept(
    pane: Pane, tmp_path: Path
) -> None:
    script = """
import sys
for number in range(20000):
    sys.stdout.write('{"n": %d, "x": "%s"}\\n' % (number, "y" * 500))
print("done", flush=True)
sys.stdin.read()
"""
    python(pane, script)
    slow = Daemon(tmp_path)
    slow.begins()
    with connected(tmp_path, since=0.5) as refused:
        assert refused.is_sent_away()
    wait(lambda: _greeting(tmp_path)["end"], lambda end: end > 10_000_000)

    assert psutil.Process(pane.process.pid).memory_info().rss < 60 << 20
    slow.hears("<", "done")
    slow.close()
    assert len(slow.records) == 20002


def test_a_bridge_that_is_told_to_go_ends_a_deaf_agent_and_says_its_last_words(
    pane: Pane, tmp_path: Path
) -> None:
    script = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"never\\n"))
print("up", flush=True)
while True:
    time.sleep(1)
"""
    status = python(pane, script)
    with connected(tmp_path) as daemon:
        daemon.hears("<", "up")
        begun = time.monotonic()
        os.kill(pane.process.pid, signal.SIGTERM)
        daemon.hears("<", "never")
        daemon.hears("=", "ended")
    assert pane.ended() == 128 + signal.SIGTERM
    assert time.monotonic() - begun < SECONDS
    wait(lambda: psutil.pid_exists(status["pid"]), lambda there: not there)
