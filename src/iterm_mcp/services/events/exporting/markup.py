"""HTML in which whatever was said is text, and nothing else. Pure."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STYLE = """
:root{color-scheme:light dark;--back:#fbfbfa;--card:#fff;--ink:#1b1d1f;--dim:#6a7076;
--line:#dfe2e4;--turn:#5b7fd1;--call:#57a58b;--sub:#a07cc9;--bad:#c8453b;--wait:#d9a23a}
@media (prefers-color-scheme:dark){:root{--back:#141618;--card:#1d2023;--ink:#e7e9ea;
--dim:#99a1a8;--line:#33383d;--turn:#7d9be6;--call:#6fc0a5;--sub:#b998de;--bad:#ef7167;
--wait:#e6b85c}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.05rem;margin:2rem 0 .5rem}
p{margin:.3rem 0}.dim{color:var(--dim)}.bad{color:var(--bad)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.5rem;
margin:1rem 0;padding:0;list-style:none}
.cards li{background:var(--card);border:1px solid var(--line);border-radius:.5rem;
padding:.5rem .75rem}
.cards b{display:block;font-size:1.15rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-top:1px solid var(--line)}
th{border-top:0;color:var(--dim);font-weight:500;white-space:nowrap}
td.n{text-align:right}td.n,td.s{white-space:nowrap}td.t{min-width:14rem}
details{background:var(--card);border:1px solid var(--line);border-radius:.4rem;margin:.3rem 0}
summary{padding:.35rem .6rem;cursor:pointer}
pre{margin:0;padding:.6rem;border-top:1px solid var(--line);white-space:pre-wrap;
font:13px/1.45 ui-monospace,monospace;max-height:30rem;overflow:auto}
svg{display:block;min-width:40rem;width:100%;height:auto}
svg text{fill:var(--dim);font:11px system-ui,sans-serif}
.turn{fill:var(--turn)}.call{fill:var(--call)}.subagent{fill:var(--sub)}
.failed,.interrupted{fill:var(--bad)}.wait{fill:var(--wait)}.grid{stroke:var(--line)}
""".strip()

_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
"""What a page may load and run: nothing but its own style."""

MOST_TEXT_CHARACTERS = 4000


def text(value: object, most: int = MOST_TEXT_CHARACTERS) -> str:
    """Return what stands for a text in HTML; of a long one the beginning, and how much is cut."""
    whole = str(value)
    shown = escape(sanitise(whole[:most]))
    return shown if len(whole) <= most else f"{shown} … [{len(whole) - most} characters more]"


def page_head(title: str) -> str:
    """Return the beginning of a page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'
        f"<title>{text(title, 200)}</title><style>{STYLE}</style></head>\n<body>\n"
        f"<h1>{text(title, 500)}</h1>\n"
    )


def page_end(told: str) -> str:
    """Return the end of a page.

    Args:
        told: How complete it is.
    """
    return f'<p class="dim">{text(told)}</p>\n</body></html>\n'


def cards(facts: Iterable[tuple[str, str]]) -> str:
    """Return a few figures with their names."""
    told = "".join(f"<li>{text(name)}<b>{text(value)}</b></li>" for name, value in facts)
    return f'<ul class="cards">{told}</ul>\n'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], most: int = 2000) -> str:
    """Return a table; numbers stand to the right. Of very many rows the first."""
    every = list(rows)
    if not every:
        return '<p class="dim">none</p>\n'
    lines = "".join(f"<tr>{''.join(_cell(one) for one in row)}</tr>\n" for row in every[:most])
    told = "".join(f"<th>{text(one)}</th>" for one in heads)
    more = "" if len(every) <= most else f'<p class="dim">{len(every) - most} more left out</p>\n'
    return (
        f'<div class="wide"><table><thead><tr>{told}</tr></thead>\n'
        f"<tbody>{lines}</tbody></table></div>\n{more}"
    )


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="n">{value:,}</td>'
    shown = text("" if value is None else value, 600)
    short = len(shown) <= 24  # noqa: PLR2004 - fits a narrow column
    return f'<td class="s">{shown}</td>' if short else f'<td class="t">{shown}</td>'
