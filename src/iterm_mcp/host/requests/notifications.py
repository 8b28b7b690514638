"""Notification: subscribing and unsubscribing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.host import scopes, wire
from iterm_mcp.host.requests import rpc
from iterm_mcp.host.subscriptions import ALL, GLOBAL_TOPICS, SESSION_TOPICS, Monitor

if TYPE_CHECKING:
    from iterm_mcp.host.requests.context import Context, Rows

Status = wire.NotificationResponse.Status


async def notification(
    context: Context, request: wire.NotificationRequest
) -> wire.NotificationResponse:
    """Start or stop telling the client about something."""
    return wire.NotificationResponse(status=_change(context, request))


def _change(
    context: Context, request: wire.NotificationRequest
) -> wire.NotificationResponse.Status.ValueType:
    if not request.HasField("subscribe"):
        return Status.REQUEST_MALFORMED
    topic = request.notification_type
    subscriptions = context.client.subscriptions
    if topic in GLOBAL_TOPICS:
        return subscriptions.change_topic(topic, subscribe=request.subscribe)
    if topic == wire.NOTIFY_ON_PROFILE_CHANGE:
        guid = request.profile_change_request.guid
        if not guid and request.session != ALL:
            guid = request.session  # where the library has it when it stops
        return subscriptions.change_profile(guid, subscribe=request.subscribe)
    if topic in _WITH_ARGUMENTS:
        return _WITH_ARGUMENTS[topic](context, request)
    if topic in SESSION_TOPICS:
        return _change_session(context, request)
    return Status.REQUEST_MALFORMED


def _change_session(
    context: Context, request: wire.NotificationRequest
) -> wire.NotificationResponse.Status.ValueType:
    topic, session = request.notification_type, request.session
    subscriptions = context.client.subscriptions
    if session != ALL:
        found = context.world.select(session)
        if not found:
            return Status.SESSION_NOT_FOUND
        session = found[0].session_id
    if topic == wire.NOTIFY_ON_PROMPT:
        modes = request.prompt_monitor_request.modes if request.subscribe else None
        subscriptions.change_prompts(session, modes)
    elif topic == wire.NOTIFY_ON_KEYSTROKE:
        keys = request.keystroke_monitor_request if request.subscribe else None
        subscriptions.change_keys(session, keys)
    elif topic == wire.KEYSTROKE_FILTER:
        taken = request.keystroke_filter_request if request.subscribe else None
        subscriptions.change_filter(session, taken)
    return subscriptions.change_session(topic, session, subscribe=request.subscribe)


def _monitor(
    context: Context, request: wire.NotificationRequest
) -> wire.NotificationResponse.Status.ValueType:
    asked = request.variable_monitor_request
    monitor = Monitor(asked.scope, asked.identifier, asked.name)
    monitors = context.client.subscriptions.monitors
    if not request.subscribe:
        return Status.NOT_SUBSCRIBED if monitors.pop(monitor, None) is None else Status.OK
    if monitor in monitors:
        return Status.ALREADY_SUBSCRIBED
    wide = asked.identifier == ALL
    if not asked.name or (wide and asked.scope in {scopes.TAB, scopes.APP}):
        return Status.INVALID_IDENTIFIER
    found = scopes.targets(context.world, asked.scope, asked.identifier)
    if not found and not wide:
        return Status.INVALID_IDENTIFIER
    monitors[monitor] = {
        one.identifier: json.dumps(scopes.value(context.world, one, asked.name)) for one in found
    }
    return Status.OK


_WITH_ARGUMENTS = {
    wire.NOTIFY_ON_VARIABLE_CHANGE: _monitor,
    wire.NOTIFY_ON_SERVER_ORIGINATED_RPC: rpc.change_registration,
}

ROWS: Rows = {"notification_request": notification}
