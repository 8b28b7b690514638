"""Programs that take memory, processors and processes, in small numbers; a file of its own.

Run as ``python hungry.py WHAT…``: standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
import time

MEGABYTE = 1 << 20
SECONDS = 60.0


def say(word: object) -> None:
    """Say a word to who started us."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def take_memory(megabytes: int) -> bytearray:
    """Take memory, and touch all of it."""
    taken = bytearray(megabytes * MEGABYTE)
    taken[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(range(0, len(taken), 4096))
    return taken


def wait() -> None:
    """Wait for a signal, but not for ever."""
    signal.alarm(int(SECONDS))
    while True:
        signal.pause()


def share_memory(megabytes: int, children: int) -> None:
    """Have children that share all of the memory of their parent."""
    taken = take_memory(megabytes)
    for _ in range(children):
        if not os.fork():
            break
    wait()
    del taken


def spin(seconds: float) -> None:
    """Take a processor for some seconds, and then none."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def fork_on() -> None:
    """Have a new child now and then, for ever, that cares for no request to end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(int(SECONDS))
    for _ in range(200):
        if not os.fork():
            wait()
        time.sleep(0.02)
    wait()


def leave_behind(*, own_session: bool) -> None:
    """Leave a grandchild to whoever takes it, and say its id."""
    if not os.fork():
        if own_session:
            os.setsid()
        pid = os.fork()
        if pid:
            say(pid)
            os._exit(0)
        os.close(1)
        wait()
    os.wait()
    wait()


def main(what: str, *given: str) -> None:
    """Do what is asked."""
    match what:
        case "memory":
            taken = take_memory(int(given[0]))
            say("taken")
            wait()
            del taken
        case "share":
            share_memory(int(given[0]), int(given[1]))
        case "spin":
            spin(float(given[0]))
            say("spun")
            wait()
        case "fork":
            fork_on()
        case "leave":
            leave_behind(own_session=given[0] == "session")
        case "wait":
            say("there")
            wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
