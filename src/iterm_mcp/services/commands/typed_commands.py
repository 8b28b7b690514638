r"""How a command is typed so that an interactive shell takes it as one. Pure.

A shell that marks its prompts needs no more than the command. What a line editor would take
for something else (several lines, ``!``, a comment in zsh, a quote or block left open) is typed
as ``eval '...'``: then the shell sees one whole command, and says at once what is wrong with it.

A shell that does not mark its prompts is made to print marks of our own around the command (OSC
133, as shell integration prints), which leave an empty row. The line begins with a space, which
keeps it out of the history of shells that are set so (bash with ``ignorespace``, zsh with
``HIST_IGNORE_SPACE``, fish always), and bash is told to forget it otherwise. zsh without that
option keeps it: nothing but its user's own settings could prevent that.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from secrets import token_hex
from typing import Literal

from iterm_mcp.errors import InvalidRequestError

Dialect = Literal["posix", "fish"]

POSIX_SHELLS = frozenset({"bash", "zsh", "sh", "dash", "ksh", "mksh", "ash", "busybox"})
SHELLS = POSIX_SHELLS | {"fish"}

NONCE = "iterm-mcp:"
"""What the names begin with that commands have between marks of our own."""

MAX_COMMAND = 1 << 14
"""Characters; more belongs into a file. Line editors take seconds for some times as many."""

MAX_LINE_BYTES = 4000
"""Of one line, where the terminal device keeps it until Enter because the shell edits none."""

_REPLACING = NONCE + "exec:"
_EXEC = re.compile(r"\s*(?:(?:builtin|command)\s+)?exec\s+[^<>\s]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_QUOTED_TAB = "\x16\t"  # ctrl-v: the line editor inserts what follows instead of completing
_MARK = "\\033]133;"
_FORGET = (  # only what is really the last entry: this line is not where spaces keep it out
    "[ ${BASH_VERSION:+1} ] && case $(history 1) in *iterm-mcp[:=]*) "
    "history -d $HISTCMD 2>/dev/null;; esac;"
)

CLOSING = "iterm-mcp=end"
"""Stands in the line that `closing` types."""

_MISREAD = re.compile(r"[\n!]|(?:^|\s)#|<<|[\\|&]\s*$")
"""What is not typed as it is: see above; a here-document may lack its end."""

_PAIRS = (("(", ")"), ("{", "}"), ("[[", "]]"), ("if", "fi"), ("do", "done"), ("case", "esac"))
_WORDS = re.compile(r"[(){}]|\[\[|\]\]|\b(?:if|fi|do|done|case|esac|for|while|until|select)\b")
_LOOPS = ("for", "while", "until", "select")
_FISH_WORDS = re.compile(r"\b(?:begin|if|for|while|switch|function|end)\b(?!-)")

_EVALS_WELL = POSIX_SHELLS - {"bash", "sh"}
_GIVES_UP = POSIX_SHELLS - {"bash", "zsh"}
"""Shells that drop the rest of the line when eval finds its text wrong, unless told otherwise."""


def new_nonce(command: str) -> str:
    """Return a name for a command that is run between marks of our own."""
    return (_REPLACING if replaces_shell(command) else NONCE) + token_hex(6)


def replaces_shell(command: str) -> bool:
    """Tell whether a command, or the one with such a name, puts a program in the shell's place."""
    return command.startswith(_REPLACING) or _EXEC.match(command) is not None


def dialect_of(job: str | None) -> Dialect | None:
    """Return the language of a shell by its process's name, or None for what is no shell."""
    name = (job or "").lstrip("-")
    if name == "fish":
        return "fish"
    return "posix" if name in POSIX_SHELLS else None


def check_command(command: str) -> str:
    """Return a command without newlines around it.

    Raises:
        InvalidRequestError: It is empty, too long, or holds control characters, which a line
            editor would take for commands of its own.
    """
    text = command.replace("\r\n", "\n").strip("\n")
    if not text.strip():
        raise InvalidRequestError("the command is empty", hint="Give a command line.")
    if len(text) > MAX_COMMAND:
        raise InvalidRequestError(
            f"the command has {len(text)} characters, more than {MAX_COMMAND}",
            hint="Write it to a file and run that.",
        )
    if found := _CONTROL.search(text):
        raise InvalidRequestError(
            f"the command holds the control character U+{ord(found[0]):04X}",
            hint="Leave it out, write it as $'\\xNN' in the shell, or use send_keys.",
        )
    return text


def for_marked(command: str, dialect: Dialect, shell: str) -> str:
    """Return what is typed at a prompt that is marked, Enter included.

    Args:
        shell: The name of its process, as far as it is known.
    """
    if dialect == "fish":  # takes a paste as one command, and completes nothing in it
        return _pasted(command if _is_plain_fish(command) else _eval(command, dialect, shell))
    return _keys(command if _is_plain(command) else _whole(command, shell))


def for_unmarked(command: str, dialect: Dialect, shell: str, nonce: str) -> str:
    """Return what is typed at a prompt without marks: the command between marks of our own.

    The marks name the command `nonce`; its own text is not shown a second time. In posix shells
    ``$?`` is after them what it was before.

    Raises:
        InvalidRequestError: A line is too long for this shell.
    """
    start = f"{_MARK}A\\007{_MARK}B\\007{nonce}{_MARK}C\\007\\r\\033[K\\n"
    if dialect == "fish":
        run = _eval(command, dialect, shell)
        return " " + _pasted(f"printf '{start}'; {run}; printf '{_MARK}D;%s\\007' $status")
    forget = _FORGET.replace("$", "\\$")
    before = f"eval \"{forget} printf '{start}'; (exit $?)\""
    after = f"eval \"printf '{_MARK}D;$?\\007'; (exit $?)\""
    typed = f" {before}; {_whole(command, shell, grouped=True)}; {after}"
    if shell in _GIVES_UP and max(map(len, typed.encode().split(b"\n"))) > MAX_LINE_BYTES:
        raise InvalidRequestError(
            f"{shell} takes no line that is so long",
            hint="Break the line with backslashes, or write the command to a file and run that.",
        )
    return _keys(typed)


def closing(dialect: Dialect) -> str:
    """Return what is typed to have the end of a command marked that was broken off."""
    mark = f"{_MARK}D;%s;{CLOSING}\\007"
    if dialect == "fish":
        return " " + _pasted(f"printf '{mark}' $status")
    return _keys(f" printf '{mark}' $?; {_FORGET}")


def is_same(ran: str, typed: str) -> bool:
    """Tell whether what a shell says that it runs is what was typed; blanks do not matter."""
    plain = typed.replace(_PASTE_START, "").replace(_PASTE_END, "").replace("\x16", "")
    return "".join(ran.split()) == "".join(plain.split())


def as_given(ran: str) -> str:
    """Return what was to be run, of what a shell says that it runs: without our ``eval``."""
    word = next((word for word in ("eval ", "command eval ") if ran.startswith(f"{word}'")), None)
    if word is None:
        return ran
    given = ran[len(word) + 1 : -1].replace("'\\''", "'")
    return given if word + _quoted(given, "posix") == ran else ran


def _whole(command: str, shell: str, *, grouped: bool = False) -> str:
    """Return a command so that a posix shell takes it as one.

    bash forgets its own marks for once when a quote is left open inside of eval; it is left to
    ask for the rest.
    """
    if _has_open_quote(command) and shell not in _EVALS_WELL:
        return f"{{\n{command}\n}}" if grouped or "\n" in command else command
    return _eval(command, "posix", shell)


def _eval(command: str, dialect: Dialect, shell: str) -> str:
    word = "command eval" if shell in _GIVES_UP else "eval"
    return f"{word} {_quoted(command, dialect)}"


def _is_plain(command: str) -> bool:
    """Tell whether a posix shell's line editor surely takes a line for what it is, and as whole."""
    if _MISREAD.search(command) or command.count("`") % 2 or _has_open_quote(command):
        return False
    counts = Counter(_WORDS.findall(command))
    whole = all(counts[start] == counts[end] for start, end in _PAIRS)
    return whole and sum(counts[loop] for loop in _LOOPS) <= counts["do"]


def _is_plain_fish(command: str) -> bool:
    """Tell whether fish surely takes a paste as whole, and leaves nothing out of it."""
    if "\t" in command or _has_open_quote(command) or command.count("(") != command.count(")"):
        return False
    words = Counter(_FISH_WORDS.findall(command))
    return sum(words.values()) == 2 * words["end"]


def _has_open_quote(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False


def _quoted(command: str, dialect: Dialect) -> str:
    if dialect == "fish":
        text = command.replace("\\", "\\\\").replace("'", "\\'")
        return "'" + text.replace("\t", "'\\t'") + "'"
    return "'" + command.replace("'", "'\\''") + "'"


def _keys(text: str) -> str:
    return text.replace("\t", _QUOTED_TAB).replace("\n", "\r") + "\r"


def _pasted(text: str) -> str:
    return f"{_PASTE_START}{text}{_PASTE_END}\r"
