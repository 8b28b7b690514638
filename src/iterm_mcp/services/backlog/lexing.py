"""What a place in a source file is: a comment, a string, or code. Pure.

It knows how comments and strings begin and end in families of languages, and nothing else of them:
enough to tell a comment from a string that holds the same word. Where it errs (a regular expression
that holds a quote), it errs to the end of the line.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from pathlib import PurePosixPath

from iterm_mcp.models.backlog import Where

_DOUBLE = r'"(?:\\[\s\S]|[^"\\\n])*"'
_SINGLE = r"'(?:\\[\s\S]|[^'\\\n])*'"
_CHARACTER = r"'(?:\\[^\n]{1,9}?|[^'\\\n])'"
"""One character: so that Rust's lifetimes and C++'s digits are none."""
_BACKTICK = r"`(?:\\[\s\S]|[^`\\])*`"
_LONG_DOUBLE = r'"(?:\\[\s\S]|[^"\\])*"'
_TRIPLE = r'"""(?:\\[\s\S]|[^\\])*?(?:"""|\Z)|\'\'\'(?:\\[\s\S]|[^\\])*?(?:\'\'\'|\Z)'
_BLOCK = r"/\*[\s\S]*?(?:\*/|\Z)"
_SLASHES = r"//[^\n]*"
_HASH = r"(?<![^\s;(){}\[\],])#[^\n]*"
_MARKUP = r"<!--[\s\S]*?(?:-->|\Z)"

_FAMILIES: dict[str, tuple[str, str]] = {
    "c": (f"{_SLASHES}|{_BLOCK}", f"{_DOUBLE}|{_CHARACTER}"),
    "go": (f"{_SLASHES}|{_BLOCK}", f"{_DOUBLE}|{_CHARACTER}|`[^`]*`"),
    "script": (f"{_SLASHES}|{_BLOCK}", f"{_DOUBLE}|{_SINGLE}|{_BACKTICK}"),
    "php": (rf"{_SLASHES}|{_BLOCK}|#(?!\[)[^\n]*", f"{_DOUBLE}|{_SINGLE}"),
    "css": (f"{_BLOCK}|(?<!:){_SLASHES}", f"{_DOUBLE}|{_SINGLE}"),
    "python": (r"#[^\n]*", f"{_TRIPLE}|{_DOUBLE}|{_SINGLE}"),
    "hash": (_HASH, f"{_LONG_DOUBLE}|{_SINGLE}"),
    "lines": (_HASH, f"{_DOUBLE}|{_SINGLE}"),
    "terraform": (f"{_HASH}|{_SLASHES}|{_BLOCK}", _DOUBLE),
    "sql": (rf"--[^\n]*|{_BLOCK}", r"'[^']*'"),
    "lua": (r"--\[\[[\s\S]*?(?:\]\]|\Z)|--[^\n]*", f"{_DOUBLE}|{_SINGLE}"),
    "haskell": (r"--[^\n]*|\{-[\s\S]*?(?:-\}|\Z)", f"{_DOUBLE}|{_CHARACTER}"),
    "lisp": (r";[^\n]*|#\|[\s\S]*?(?:\|#|\Z)", _LONG_DOUBLE),
    "percent": (r"(?<!\\)%[^\n]*", _DOUBLE),
    "markup": (rf"{_MARKUP}|{_BLOCK}|(?<![:\"'])//[^\n]*", r"(?!)"),
    "vim": (r'(?m:^)[ \t]*"[^\n]*', _SINGLE),
    "batch": (r"(?mi:^)[ \t]*(?:@?rem\b|::)[^\n]*", r"(?!)"),
}
"""The comments and the strings of each family."""

_BY_SUFFIX = {
    suffix: family
    for family, suffixes in {
        "c": "c h cc cpp cxx hpp hh hxx m mm cs java kt kts scala swift rs zig d v sv proto thrift "
        "gradle glsl hlsl cu cuh ino vala sol cl metal",
        "go": "go",
        "script": "js jsx mjs cjs ts tsx mts cts dart groovy hx as json5 jsonc",
        "php": "php",
        "css": "css scss sass less styl",
        "python": "py pyi pyx pxd",
        "hash": "sh bash zsh fish ksh rb rake pl pm r jl ex exs nix ps1 psm1 tcl awk cr nim gd "
        "coffee bzl star",
        "lines": "yaml yml toml cfg conf properties cmake mk mak dockerfile gitignore env ini "
        "editorconfig desktop service po graphql gql",
        "terraform": "tf hcl tfvars",
        "sql": "sql psql ddl",
        "lua": "lua",
        "haskell": "hs lhs elm purs ada adb ads vhd vhdl agda",
        "lisp": "lisp lsp el clj cljs cljc edn scm ss rkt asm s",
        "percent": "tex sty cls bib erl hrl prolog",
        "markup": "html htm xml xhtml svg vue svelte xaml plist xsl csproj props targets",
        "vim": "vim vimrc",
        "batch": "bat cmd",
    }.items()
    for suffix in suffixes.split()
}
_BY_NAME = {
    "makefile": "lines", "gnumakefile": "lines", "dockerfile": "lines", "cmakelists.txt": "lines",
    "rakefile": "hash", "gemfile": "hash", "vagrantfile": "hash", "podfile": "hash",
    "build": "hash", "workspace": "hash", "justfile": "lines", "jenkinsfile": "script",
    ".gitignore": "lines", ".gitattributes": "lines", ".editorconfig": "lines", ".bashrc": "hash",
}  # fmt: skip

_FAMILY_OF_PROGRAM = (("python", "python"), ("node", "script"), ("php", "php"))


def family_of(path: str, text: str) -> str:
    """Return the family of a file's language, by its name or its first line; empty for prose."""
    name = PurePosixPath(path).name.lower()
    suffix = PurePosixPath(name).suffix[1:]
    found = _BY_NAME.get(name) or _BY_SUFFIX.get(suffix, "")
    if not found and name.startswith(("dockerfile.", "makefile.")):
        return "lines"
    if found or not text.startswith("#!"):
        return found
    program = text.partition("\n")[0]
    return next((family for word, family in _FAMILY_OF_PROGRAM if word in program), "hash")


class Regions:
    """Where comments and strings of a file are.

    Args:
        path: Tells the language.
    """

    def __init__(self, path: str, text: str) -> None:
        self._family = family_of(path, text)
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._kinds: list[Where] = []
        if not self._family:
            return
        for found in _tokens(self._family).finditer(text):
            is_comment = found.lastgroup == "comment"
            documents = self._family == "python" and not is_comment and _alone(text, found.start())
            self._starts.append(found.start())
            self._ends.append(found.end())
            self._kinds.append(Where.COMMENT if is_comment or documents else Where.STRING)

    def at(self, offset: int) -> Where:
        """Return what a place is."""
        return self._found(offset)[0]

    def start(self, offset: int) -> int:
        """Return where the comment or string that a place is in begins; -1 when it is in none."""
        return self._found(offset)[1]

    def _found(self, offset: int) -> tuple[Where, int]:
        if not self._family:
            return Where.TEXT, -1
        place = bisect_right(self._starts, offset) - 1
        if place >= 0 and offset < self._ends[place]:
            return self._kinds[place], self._starts[place]
        return Where.CODE, -1


@cache
def _tokens(family: str) -> re.Pattern[str]:
    comments, strings = _FAMILIES[family]
    return re.compile(f"(?P<comment>{comments})|(?P<string>{strings})")


def _alone(text: str, start: int) -> bool:
    """Tell whether a string begins its line: then it documents, as far as can be seen."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return not before.strip().rstrip("rRuUbBfF")
