"""Terminal output: of every family of sequences, whole, absurd, cut off and mutated."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

PARAMETERS = [
    "",
    "0",
    "1",
    "2",
    "5",
    "7",
    "24",
    "80",
    "255",
    "999",
    "65535",
    "65536",
    "99999999999",
]
FINALS = "@ABCDEFGHIJKLMPSTXZ`abcdefghilmnpqrstuvwxyz{|}~"
MODES = [1, 2, 3, 4, 5, 6, 7, 9, 12, 20, 25, 40, 45, 47, 66, 67, 69, 80, 95, 1000, 1002, 1003, 1004,
         1005, 1006, 1007, 1015, 1016, 1034, 1045, 1047, 1048, 1049, 2004, 2026, 2027, 2031, 2048,
         8452, 65536]  # fmt: skip
TEXTS = [
    "plain words ", "漢字かな", "👨\u200d👩\u200d👧\u200d👦", "e\u0301\u0302\u0303",
    "\u200d\u200b\ufeff",
    "🇩🇪🇫🇷🇩", "\u202eback\u2066", "א\u05b0ب", "\ufe0f\u20e3", "│├┼─╭╮█▓░🮲", "\t\t", "\0\x7f",
    "\ue0b0\U0010ffff\U000f0000", "A" + "\u0300" * 70, "\r\n", "\r\n", "\x0b\x0c", "\b\b\b\x07",
]  # fmt: skip
BROKEN = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80\x9b31m",
          b"\xf0\x9f", b"\xfe\xff", b"\x9d0;t\x9c", b"\x85\x8d\x90q\x9c"]  # fmt: skip
DIGITS = "9" * 5000


def output(dice: Random) -> bytes:
    """Return some output; it may end anywhere."""
    size = dice.choices([1, 8, 60, 400], [2, 4, 4, 1])[0]
    data = b"".join(_piece(dice) for _ in range(size))
    if dice.random() < 0.1:
        data *= dice.randint(1, max(1, min(200, 200_000 // max(1, len(data)))))
    if dice.random() < 0.2:
        data = _mutated(dice, data)
    if dice.random() < 0.1:
        data = data[: dice.randint(0, len(data))]
    return data


def _piece(dice: Random) -> bytes:
    return dice.choices(_PIECES, _WEIGHTS)[0](dice)


def _text(dice: Random) -> bytes:
    return (dice.choice(TEXTS) * dice.choice([1, 1, 1, 3, 40])).encode()


def _long_line(dice: Random) -> bytes:
    return dice.choice([b"x", "漢".encode(), b" ", b"ab\t"]) * dice.choice([100, 3000, 20_000])


def _csi(dice: Random) -> bytes:
    parameters = dice.choice(";:").join(
        dice.choice(PARAMETERS) for _ in range(dice.choice([0, 1, 1, 2, 3, 5, 40]))
    )
    middle = dice.choice(["", "", "", " ", "!", '"', "$", "'", "*", "#"])
    kind = dice.choice(["", "", "", "?", ">", "=", "<"])
    return f"\x1b[{kind}{parameters}{middle}{dice.choice(FINALS)}".encode()


def _sgr(dice: Random) -> bytes:
    codes = [
        dice.choice(["0", "1", "2", "3", "4", "4:3", "5", "7", "8", "9", "53", "31", "97", "104"]),
        f"38;5;{dice.randint(0, 300)}",
        f"48;2;{dice.randint(0, 300)};{dice.randint(0, 255)};0",
        f"58:2::{dice.randint(0, 255)}:1:1",
    ]
    return f"\x1b[{';'.join(dice.sample(codes, dice.randint(1, 4)))}m".encode()


def _mode(dice: Random) -> bytes:
    numbers = ";".join(str(dice.choice(MODES)) for _ in range(dice.choice([1, 1, 1, 2, 4])))
    return f"\x1b[{dice.choice(['?', '?', '?', ''])}{numbers}{dice.choice('hhllsr')}".encode()


def _switch(dice: Random) -> bytes:
    return dice.choice([b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?47h", b"\x1b[?47l", b"\x1b[?1047h"])


def _escape(dice: Random) -> bytes:
    return b"\x1b" + dice.choice(
        [b"7", b"8", b"c", b"D", b"E", b"H", b"M", b"Z", b"=", b">", b"n", b"o", b"~", b"|", b"#8",
         b"#3", b"(0", b"(B", b")0", b"%G", b"%@", b" F", b"\\", b"", b"N", b"O", b"\x1b"]
    )  # fmt: skip


def _question(dice: Random) -> bytes:
    return dice.choice(
        [b"\x1b[6n", b"\x1b[5n", b"\x1b[c", b"\x1b[>c", b"\x1b[=c", b"\x1b[>q", b"\x1b[18t",
         b"\x1b[14t", b"\x1b[?u", b"\x1bP$qm\x1b\\", b"\x1bP+q544e\x1b\\", b"\x1b]11;?\x07"]
    ) * dice.choice([1, 1, 100])  # fmt: skip


def _string(dice: Random) -> bytes:
    """A DCS, APC, PM or SOS, sixels and Kitty's graphics among them."""
    body = dice.choice(
        [b"q#0;2;0;0;0#0~~@@vv@@~~@@~~$-", b"Gf=24,s=10,v=2,a=T;AAAA", b"1;1|17/17",
         b"tmux;\x1b\x1b[H",
         b"1000p", b"$qr", b"+q", b"{!|00000000", dice.randbytes(300), b"?" * 5000]
    )  # fmt: skip
    return b"\x1b" + dice.choice([b"P", b"_", b"^", b"X"]) + body + _end(dice)


def _end(dice: Random) -> bytes:
    return dice.choice([b"\x07", b"\x07", b"\x1b\\", b"\x1b\\", b"\x9c", b"\x18", b"\x1b", b""])


def _osc(dice: Random) -> bytes:
    make = dice.choice([_title, _color, _link, _folder, _iterm, _mark, _mark, _mark, _odd])
    return b"\x1b]" + make(dice).encode("utf-8", "surrogatepass") + _end(dice)


def _title(dice: Random) -> str:
    return f"{dice.choice(['0', '1', '2', '00', 'l', 'L'])};{_word(dice)}"


def _color(dice: Random) -> str:
    code = dice.choice(["4;1", "4;256", "4;-1", "10", "11", "12", "17", "104", "110", "112", "21"])
    value = dice.choice(["#010203", "?", "rgb:ff/0/ffff", "red", "", "rgb:", "#" + DIGITS])
    return f"{code};{value}"


def _link(dice: Random) -> str:
    return f"8;{dice.choice(['', 'id=1', 'id=;x'])};{dice.choice(['', 'http://a/' + _word(dice)])}"


def _folder(dice: Random) -> str:
    hosts = ["", "host", "[", "[::1", "[x]", "]", "a@b:99999999", "h\u2100", _word(dice)]
    host = dice.choice(hosts)
    path = dice.choice(["/tmp", "", "/%ff%00", "/%", "/" + _word(dice), "relative"])
    return f"7;{dice.choice(['file', 'kitty-shell-cwd', 'http', ''])}://{host}{path}"


def _iterm(dice: Random) -> str:
    encoded = base64.b64encode(_word(dice).encode("utf-8", "surrogatepass")).decode()
    key = dice.choice(
        ["CurrentDir", "RemoteHost", "ShellIntegrationVersion", "SetUserVar", "Custom", "File",
         "ClearScrollback", "SetMark", "Copy", "SetProfile", "CursorShape", "StealFocus",
         "ReportVariable", "SetBadgeFormat", "SetColors", "Capabilities", "Disinter"]
    )  # fmt: skip
    value = dice.choice(
        [_word(dice), f"name={encoded}", f"name={_word(dice)}", f"id={_word(dice)}:{_word(dice)}",
         f"{_word(dice)}@{_word(dice)}", f"1;shell={_word(dice)}", f"inline=1:{encoded}", "=", ""]
    )  # fmt: skip
    return f"{dice.choice(['1337', '50'])};{key}{dice.choice(['=', '=', '=', ';', ''])}{value}"


def _mark(dice: Random) -> str:
    kind = dice.choice("AAABBBCCCDDDNPLIx")
    absurd = dice.choice(
        [str(dice.randint(-9, 300)), DIGITS, "x", "", "²", "٣", "1=2", "2147483648"]
    )
    options = {
        "aid": _word(dice),
        "k": dice.choice("iscrx"),
        "cl": "line",
        "cmdline_url": dice.choice(["ls%20-l", "%ff%ed%a0%80", "%", _word(dice)]),
        "err": absurd,
    }
    fields = [f"{key}={options[key]}" for key in dice.sample(sorted(options), dice.randint(0, 2))]
    if kind == "D" or dice.random() < 0.1:
        fields.insert(0, absurd)
    return ";".join(["133", kind, *fields])


def _odd(dice: Random) -> str:
    return dice.choice([DIGITS, "133", "133;", "7;", "1337;", "52;c;" + _word(dice), "9;4;1;50",
                        "777;notify;a;b", "22;pointer", "-1;x", "5522;x", "66;s=2;x"])  # fmt: skip


def _word(dice: Random) -> str:
    return dice.choice(
        ["", "a", "home/user", "naïve 漢字", "a;b=c:d", "\x01\x02\n",
         "\\(x)", "\ud800", "%00", "\u202e",
         "x" * 2000, "../..", "==", "'\"`$(x)"]
    )  # fmt: skip


def _shell_line(dice: Random) -> bytes:
    """A prompt, a command and its output, as a shell with marks prints them."""
    status = dice.choice(["0", "1", "130", ""])
    return (
        b"\x1b]133;A\x07$ \x1b]133;B\x07"
        + _text(dice)
        + dice.choice([b"", b"\x1b]133;A;k=s\x07> \x1b]133;B\x07more"])
        + b"\r\n\x1b]133;C\x07"
        + _text(dice)
        + f"\r\n\x1b]133;D;{status}\x07".encode()
    )


def _mutated(dice: Random, data: bytes) -> bytes:
    mutable = bytearray(data)
    for _ in range(dice.randint(1, 10)):
        if not mutable:
            break
        at = dice.randrange(len(mutable))
        change = dice.randrange(3)
        if change == 0:
            mutable[at] = dice.randrange(256)
        elif change == 1:
            del mutable[at : at + dice.randint(1, 8)]
        else:
            mutable[at:at] = dice.randbytes(dice.randint(1, 8))
    return bytes(mutable)


_PIECES: list[Callable[[Random], bytes]] = [
    _text, _csi, _sgr, _mode, _switch, _escape, _question, _string, _osc, _shell_line, _long_line,
    lambda dice: dice.choice(BROKEN), lambda dice: dice.randbytes(dice.randint(1, 30)),
]  # fmt: skip
_WEIGHTS = [10, 8, 6, 4, 2, 4, 2, 2, 8, 3, 0.5, 2, 2]
