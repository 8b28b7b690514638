"""ColorPresets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.host import wire

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.ColorPresetResponse.Status


async def color_preset(
    context: Context, request: wire.ColorPresetRequest
) -> wire.ColorPresetResponse:
    """List the presets' names, or return one preset's colours."""
    presets = await context.settings.color_presets.all()
    kind = request.WhichOneof("request")
    if kind is None:
        return wire.ColorPresetResponse(status=Status.REQUEST_MALFORMED)
    response = wire.ColorPresetResponse(status=Status.OK)
    if kind == "list_presets":
        response.list_presets.name.extend(presets)
        response.list_presets.SetInParent()
        return response
    preset = presets.get(request.get_preset.name)
    if preset is None:
        return wire.ColorPresetResponse(status=Status.PRESET_NOT_FOUND)
    for key, color in preset.items():
        response.get_preset.color_settings.add(
            key=key,
            red=color["Red Component"],
            green=color["Green Component"],
            blue=color["Blue Component"],
            alpha=color["Alpha Component"],
            color_space=color["Color Space"],
        )
    return response


ROWS: Rows = {"color_preset_request": color_preset}
