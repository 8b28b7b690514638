"""What the terminal can do, in the letters of iTerm2's feature reporting ($TERM_FEATURES).

The letters and numbers are those of https://iterm2.com/feature-reporting/, "Features" and
"Encoding - option 1": a feature's letters, followed by its value unless it is a yes.
"""

from __future__ import annotations

FEATURES = "T3LrMSc7UUw17Ts3BGsGoSyH"
"""24-bit colours with semicolons (1) and colons (2): T3. Left and right margins: Lr. The mouse's
modes: M. The cursor's shapes 1 to 4 (1), 5 and 6 (2), and 0 for the usual one (4): Sc7. Unicode: U,
with the widths of version 17: Uw17. Titles are put aside (1) and set (2): Ts3. Bracketed paste: B,
strikethrough and overline: Gs, Go, synchronized output: Sy, links: H.

No clipboard (Cw), notifications (No) or pictures (Sx), for there is nobody to see them; no wide
ambiguous characters (Aw). F is not there: it stands for focus reports and for files alike, and
nobody sends the first or sees the second.
"""
