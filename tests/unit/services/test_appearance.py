"""Badge and colours as keys of a profile."""

from __future__ import annotations

import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.sessions import Appearance
from iterm_mcp.services.sessions.appearance import profile_values


def test_what_is_not_asked_for_is_not_touched() -> None:
    assert profile_values(Appearance()) == {}


def test_a_badge_is_text_and_is_never_evaluated() -> None:
    assert profile_values(Appearance(badge=r"\(path)")) == {"Badge Text": "\\\u200b(path)"}
    assert profile_values(Appearance(badge="")) == {"Badge Text": ""}


def test_a_colour_is_set_for_every_mode_of_the_window() -> None:
    values = profile_values(Appearance(foreground="#ff0080", background="#000000"))

    assert set(values) == {
        f"{ground} Color{mode}"
        for ground in ("Foreground", "Background")
        for mode in ("", " (Light)", " (Dark)")
    }
    color = values["Foreground Color (Dark)"]
    assert isinstance(color, dict)
    assert (color["Red Component"], color["Green Component"]) == (1.0, 0.0)
    assert color["Blue Component"] == pytest.approx(128 / 255)


def test_a_tab_gets_its_colour_and_loses_it() -> None:
    on = profile_values(Appearance(tab_color="#00ff00"))
    off = profile_values(Appearance(tab_color="none"))

    assert on["Use Tab Color"] is True
    assert "Tab Color" in on
    assert off == {f"Use Tab Color{mode}": False for mode in ("", " (Light)", " (Dark)")}


@pytest.mark.parametrize("color", ["red", "#fff", "ff0000", "#ff00zz", "none", ""])
def test_what_is_no_colour_is_refused(color: str) -> None:
    with pytest.raises(InvalidRequestError, match="no colour") as caught:
        profile_values(Appearance(background=color))
    assert "#rrggbb" in caught.value.hint


@pytest.mark.parametrize("badge", ["x" * 201, "a\x1bb"])
def test_a_badge_that_cannot_be_shown_is_refused(badge: str) -> None:
    with pytest.raises(InvalidRequestError, match="badge"):
        profile_values(Appearance(badge=badge))
