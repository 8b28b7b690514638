"""What the product starts in the background, out of a process that has imported it already.

Python imports this first in each process that has this folder in PYTHONPATH, as those of a test's
home have. It does nothing, but in two kinds of process:

A *nest* is ``python -m iterm_mcp --detached daemon run`` (or ``host run``) which stops here, once
it has imported what that verb imports. It has started no thread, opened no file and read no
setting, and forks whenever it is asked; its fork returns from here, and goes on as what it is.

A process with the same command line, as `iterm_mcp.processes.spawn_detached` starts it, asks the
nest to fork and hands over its open files, environment and folder; it ends when the fork lets
itself be detached, as it would have ended itself. If anything else that it has inherited is not
as the nest has it (limits, signals, name spaces, …), or a variable differs that a module could
have read when it was imported, it goes on itself.
"""

import os
import sys

if "TESTS_NEST" in os.environ and sys.orig_argv[1:4] == ["-m", "iterm_mcp", "--detached"]:
    __import__("nesting")
