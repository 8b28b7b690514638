from __future__ import annotations

from datetime import UTC, datetime

from iterm_mcp.services.backlog.blaming import Blame, read_porcelain

FIRST, SECOND, NOBODY = "a" * 40, "b" * 40, "0" * 40
TEXT = f"""\
{FIRST} 5 3 1
author Ann
author-mail <ann@example.com>
author-time 1767225600
author-tz +0000
summary TODO: say it
filename old.py
\t# TODO: say it
{SECOND} 9 9 1
author Bob
author-mail <bob@example.com>
author-time 1767225660
filename a.py
\t{FIRST} 7 7 1
{FIRST} 8 12 1
previous {SECOND} old.py
filename old.py
\tx = 1
{NOBODY} 1 13 1
author Not Committed Yet
author-time 1767225660
filename a.py
\ty = 1
"""


def test_who_wrote_which_line_is_read_from_what_git_says() -> None:
    ann = Blame(FIRST, "Ann", "ann@example.com", datetime(2026, 1, 1, tzinfo=UTC))
    found = read_porcelain(TEXT)
    assert found.keys() == {3, 9, 12}
    assert found[3] == found[12] == ann
    assert found[9].author == "Bob"


def test_what_is_no_such_text_says_nothing() -> None:
    assert read_porcelain("") == {}
    assert read_porcelain("fatal: nothing here\n") == {}
    assert read_porcelain(f"{FIRST} 1 1 1\nauthor Ann\n\tx\n") == {}
