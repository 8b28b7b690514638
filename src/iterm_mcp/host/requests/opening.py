"""CreateTab and SplitPane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from iterm_mcp.host import profiles, wire
from iterm_mcp.host.pty import PtyError
from iterm_mcp.host.spawn import LimitReachedError
from iterm_mcp.host.tree import CannotSplitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.host.requests.context import Context, Rows

log = structlog.get_logger()

TabStatus = wire.CreateTabResponse.Status
SplitStatus = wire.SplitPaneResponse.Status


async def create_tab(context: Context, request: wire.CreateTabRequest) -> wire.CreateTabResponse:
    """Open a tab in a window, or in a new one."""
    world = context.world
    window = None
    if request.window_id:
        window = world.find_window(request.window_id)
        if window is None:
            return wire.CreateTabResponse(status=TabStatus.INVALID_WINDOW_ID)
    profile = await context.settings.profiles.find(request.profile_name)
    if profile is None:
        return wire.CreateTabResponse(status=TabStatus.INVALID_PROFILE_NAME)
    index = request.tab_index if request.HasField("tab_index") else None
    try:
        window, tab, session = await world.open_tab(
            profiles.own_copy(profile, profiles.read(_pairs(request.custom_profile_properties))),
            window,
            index,
            select=not request.HasField("select_tab") or request.select_tab,
        )
    except LimitReachedError as error:  # no status says which limit
        log.warning("session_not_opened", reason=str(error), hint=error.hint)
        raise
    except (PtyError, ValueError, profiles.MalformedPropertyError) as error:
        log.warning("session_not_opened", reason=str(error))
        return wire.CreateTabResponse(status=TabStatus.MISSING_SUBSTITUTION)
    late = index is not None and index >= len(window.tabs)
    return wire.CreateTabResponse(
        status=TabStatus.INVALID_TAB_INDEX if late else TabStatus.OK,
        window_id=window.window_id,
        tab_id=int(tab.tab_id),
        session_id=session.session_id,
    )


async def split_pane(context: Context, request: wire.SplitPaneRequest) -> wire.SplitPaneResponse:
    """Split the panes of one session, or of all."""
    world = context.world
    targets = world.select(request.session, many=True)
    if not targets:
        return wire.SplitPaneResponse(status=SplitStatus.SESSION_NOT_FOUND)
    profile = await context.settings.profiles.find(request.profile_name)
    if profile is None:
        return wire.SplitPaneResponse(status=SplitStatus.INVALID_PROFILE_NAME)
    try:
        own = profiles.read(_pairs(request.custom_profile_properties))
    except profiles.MalformedPropertyError:
        return wire.SplitPaneResponse(status=SplitStatus.MALFORMED_CUSTOM_PROFILE_PROPERTY)
    response = wire.SplitPaneResponse(status=SplitStatus.OK)
    for target in targets:
        try:
            session = await world.split(
                target,
                profiles.own_copy(profile, own),
                vertical=request.split_direction == wire.SplitPaneRequest.VERTICAL,
                before=request.before,
            )
        except KeyError:
            response.status = SplitStatus.SESSION_NOT_FOUND
        except LimitReachedError as error:  # no status says which limit
            log.warning("session_not_split", reason=str(error), hint=error.hint)
            if not response.session_id:
                raise
            response.status = SplitStatus.CANNOT_SPLIT
        except (CannotSplitError, PtyError, ValueError) as error:
            log.warning("session_not_split", reason=str(error) or "no room")
            response.status = SplitStatus.CANNOT_SPLIT
        else:
            response.session_id.append(session.session_id)
    return response


def _pairs(properties: Iterable[wire.ProfileProperty]) -> list[tuple[str, str]]:
    return [(one.key, one.json_value) for one in properties]


ROWS: Rows = {"create_tab_request": create_tab, "split_pane_request": split_pane}
