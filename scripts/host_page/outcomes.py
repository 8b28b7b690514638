"""What can be answered to each request, as the protocol's own descriptors say."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from iterm2 import api_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

ANSWER = "answer"
"""The outcome of a request that knows no status: it is answered."""

REQUESTS = tuple(
    field.name
    for field in api_pb2.ClientOriginatedMessage.DESCRIPTOR.oneofs_by_name["submessage"].fields
)
"""The names of the requests' fields, in the order of their numbers."""

NOTIFICATIONS = {
    "NOTIFY_ON_KEYSTROKE": "keystroke_notification",
    "NOTIFY_ON_SCREEN_UPDATE": "screen_update_notification",
    "NOTIFY_ON_PROMPT": "prompt_notification",
    "NOTIFY_ON_LOCATION_CHANGE": "location_change_notification",
    "NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE": "custom_escape_sequence_notification",
    "NOTIFY_ON_NEW_SESSION": "new_session_notification",
    "NOTIFY_ON_TERMINATE_SESSION": "terminate_session_notification",
    "NOTIFY_ON_LAYOUT_CHANGE": "layout_changed_notification",
    "NOTIFY_ON_FOCUS_CHANGE": "focus_changed_notification",
    "NOTIFY_ON_SERVER_ORIGINATED_RPC": "server_originated_rpc_notification",
    "NOTIFY_ON_BROADCAST_CHANGE": "broadcast_domains_changed",
    "NOTIFY_ON_VARIABLE_CHANGE": "variable_changed_notification",
    "NOTIFY_ON_PROFILE_CHANGE": "profile_changed_notification",
    "KEYSTROKE_FILTER": "",
}
"""The field in which each type of notification comes; a filter brings none."""


def possible(request: str) -> list[str]:
    """Return every outcome of a request, in the order of the numbers.

    An outcome is a status, or, where success has none, the kind of result. A result with a status
    of its own is written ``kind.STATUS``.
    """
    field = api_pb2.ServerOriginatedMessage.DESCRIPTOR.fields_by_name[_response(request)]
    return _outcomes(_type_of(field))


def shown(message: api_pb2.ServerOriginatedMessage) -> set[tuple[str, str]]:
    """Return the outcomes that an answer shows, each with its request."""
    kind = message.WhichOneof("submessage")
    if kind is None or not kind.endswith("_response"):
        return set()
    response: Message = getattr(message, kind)
    request = kind.removesuffix("_response") + "_request"
    return {(request, outcome) for outcome in _shown(response)}


def _response(request: str) -> str:
    return request.removesuffix("_request") + "_response"


def _statuses(descriptor: Descriptor) -> list[str]:
    enum = descriptor.enum_types_by_name.get("Status")
    return [value.name for value in enum.values] if enum else []


def _descriptor_of(message: Message) -> Descriptor:
    return cast("Descriptor", message.DESCRIPTOR)  # the stubs have two classes for the one


def _type_of(field: FieldDescriptor) -> Descriptor:
    """Return the type of a field that holds a message."""
    if field.message_type is None:
        raise TypeError(field.full_name)
    return field.message_type


def _carries_status(field: FieldDescriptor) -> bool:
    return field.enum_type is not None and field.enum_type.name == "Status"


def _outcomes(descriptor: Descriptor) -> list[str]:
    names = _statuses(descriptor)
    if "OK" in names:
        return names
    for holder in (descriptor, *descriptor.nested_types):
        for oneof in holder.oneofs:
            for member in oneof.fields:
                inner = _type_of(member)
                if own := _statuses(inner):
                    names += [f"{member.name}.{one}" for one in own]
                elif not any(map(_carries_status, inner.fields)):
                    names.append(member.name)
    return names or [ANSWER]


def _shown(response: Message) -> set[str]:
    descriptor = _descriptor_of(response)
    found = _status_of(response)
    if "OK" in _statuses(descriptor):
        return found
    nested = {one.full_name for one in descriptor.nested_types}
    holders = [response] if descriptor.oneofs else []
    for field in descriptor.fields:
        if field.message_type is not None and field.message_type.full_name in nested:
            holders += getattr(response, field.name) if not descriptor.oneofs else []
    for holder in holders:
        for oneof in _descriptor_of(holder).oneofs:
            member = holder.WhichOneof(oneof.name)
            if member is None:
                continue
            inner = getattr(holder, member)
            prefix = f"{member}." if _statuses(_descriptor_of(inner)) else ""
            found |= {prefix + one for one in _status_of(inner)} or {member}
    return found or {ANSWER}


def _status_of(message: Message) -> set[str]:
    """Return the names of the statuses that stand in a message's own fields."""
    found = set()
    for field in _descriptor_of(message).fields:
        if field.enum_type is not None and _carries_status(field):
            value = getattr(message, field.name)
            numbers = [value] if isinstance(value, int) else list(value)
            found |= {field.enum_type.values_by_number[one].name for one in numbers}
    return found
