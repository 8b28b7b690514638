"""What the terminal can do, in the letters of iTerm2's feature reporting ($TERM_FEATURES)."""

from __future__ import annotations

FEATURES = "T3LrMSc7UUw9Ts3BFGsGoSyH"
"""24-bit colours with semicolons and colons (T3), left and right margins (Lr), the mouse (M), all
shapes of the cursor (Sc7), Unicode and its widths since version 9 (U, Uw9), titles (Ts3),
bracketed paste (B), focus reporting (F), strikethrough and overline (Gs, Go), synchronized output
(Sy), links (H). No clipboard, notifications, pictures or files: there is nobody to see them.
"""
