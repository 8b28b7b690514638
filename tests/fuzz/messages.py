"""Random requests, made from the protocol's own description."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor as Field
from iterm2 import api_pb2
from tests.fuzz.output_grammar import output

if TYPE_CHECKING:
    from random import Random

    from google.protobuf.message import Message

REQUESTS = {
    field.name: field.message_type
    for field in api_pb2.ClientOriginatedMessage.DESCRIPTOR.oneofs_by_name["submessage"].fields
}
RARE = {"screenshot_request", "saved_arrangement_request", "restart_session_request"}
"""These start processes or write files: a flood of them would leave no time for others."""

NUMBERS = [0, 1, -1, 2, 7, 80, 1000, -1000, 65535, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
TEXTS = [
    "", "name", "title", "S1", "1", "naïve 漢字 👩", "\x00", "\n\t\x1b[31m", "a" * 5000,
    "x" * 300_000, "\\(session.name) \\(\\(", "%s{}", "\u202e\ufeff", "Default",
]  # fmt: skip
VARIABLES = [
    "*", "id", "name", "path", "jobName", "selection", "frame", "title", "user.x", "user.",
    "session." * 3000 + "id", "iterm2." * 5000 + "pid", "iterm2.effectiveTheme", "nothing", "a..b",
    "tab.window.currentTab.currentSession.name", "tab.window." * 2000, "", ".", "x" * 100_000,
]  # fmt: skip
IDS = {"session", "tab", "window", "receiver", "identifier"}
"""Fields of such names, or so named with ``_id`` or ``_ids``, are given ids."""
JSON = [
    "null", "true", "0", "-1", "1e400", "NaN", "Infinity", '""', '"text"', "[]", "{}", "{", "[1,2",
    '"\\ud800"', '"\\u0000"', "[" * 5000, "[" * 5000 + "]" * 5000, '{"a":' * 900 + "1" + "}" * 900,
    "9" * 5000, '{"origin":{"x":0,"y":0},"size":{"width":640,"height":400}}', '"Yes"', '"No"',
    '{"origin":{"x":1e308,"y":-5},"size":{"width":0,"height":1e18}}', '{"width":80,"height":24}',
    '{"width":-1,"height":99999999}', '{"Red Component":2}', "3.5", '"' + "x" * 100_000 + '"',
]  # fmt: skip
PROPERTIES = ["Name", "Columns", "Rows", "Scrollback Lines", "Normal Font", "Badge Text", "Guid",
              "Initial Text", "Unlimited Scrollback", "Background Color", "Working Directory",
              "Custom Directory", "Keyboard Map", "nothing"]  # fmt: skip
NAMES = ["number_of_lines", "grid_size", "frame", "fullscreen", "buried", "nothing"]
COMMANDS = ["cat", "false", "no-such-program", ""]
"""Programs are only started from here: other random texts must not become commands."""

INVOCATIONS = ["f(", "f(x: [" + "[" * 5000, "f(a: 1, a: 2)", "f()" * 1000, "🙂()"]
"""Those that are none; the others are written."""

TYPED = ["words ", "\x03", "\x04", "漢\u0301", "\x1b[A", "\x00", "y" * 9000, "exit\n"]

_KNOWN = {
    "VariableRequest.Set.value": JSON,
    "PreferencesRequest.value": JSON,
    "SendTextRequest.text": TYPED,
    "CreateTabRequest.command": COMMANDS,
    "InvokeFunctionRequest.invocation": INVOCATIONS,
}

_INTEGERS = {
    Field.TYPE_INT32, Field.TYPE_INT64, Field.TYPE_UINT32, Field.TYPE_UINT64,
    Field.TYPE_SINT32, Field.TYPE_SINT64, Field.TYPE_FIXED32, Field.TYPE_FIXED64,
}  # fmt: skip
_UNSIGNED = {Field.TYPE_UINT32, Field.TYPE_UINT64, Field.TYPE_FIXED32, Field.TYPE_FIXED64}
_WIDE = {Field.TYPE_INT64, Field.TYPE_UINT64, Field.TYPE_SINT64, Field.TYPE_FIXED64}


class Requests:
    """Makes requests.

    Attributes:
        ids: Those of sessions, tabs and windows that are there, or were a moment ago.
    """

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.ids: dict[str, list[str]] = {}

    def request(self, number: int) -> api_pb2.ClientOriginatedMessage:
        """Return any request but what would keep all others waiting on purpose."""
        dice = self._dice
        message = api_pb2.ClientOriginatedMessage(id=number)
        name = dice.choice(sorted(REQUESTS))
        if name in RARE and dice.random() < 0.9:
            name = "get_buffer_request"
        part = getattr(message, name)
        part.SetInParent()
        if name == "transaction_request":
            part.begin = False  # to begin one is a step of its own
        elif name == "invoke_function_request" and dice.random() < 0.7:
            self._invocation(part)
        else:
            self._fill(part, 0)
        return message

    def subscribing(self, number: int) -> api_pb2.ClientOriginatedMessage:
        """Return a subscription to anything."""
        message = api_pb2.ClientOriginatedMessage(id=number)
        self._fill(message.notification_request, 0)
        message.notification_request.subscribe = self._dice.random() < 0.8
        return message

    def garbage(self) -> bytes:
        """Return what may be a message and may be none."""
        dice = self._dice
        if dice.random() < 0.3:
            return dice.randbytes(dice.choice([0, 1, 10, 300, 100_000]))
        data = bytearray(self.request(dice.randint(0, 9)).SerializeToString())
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(data) + 1)
            if dice.random() < 0.5:
                data[at : at + dice.randint(0, 9)] = dice.randbytes(dice.randint(0, 5))
            else:
                data[at:at] = data[max(0, at - 20) : at]
        return bytes(data)

    def text(self) -> str:
        """Return some text, often an id."""
        dice = self._dice
        return self._id(dice.choice(sorted(IDS))) if dice.random() < 0.5 else dice.choice(TEXTS)

    def _id(self, kind: str) -> str:
        dice = self._dice
        fitting = self.ids.get(kind) or [one for some in self.ids.values() for one in some]
        if fitting and dice.random() < 0.7:
            return dice.choice(fitting)
        return dice.choice(["active", "active", "all", dice.choice(TEXTS)])

    def _fill(self, message: Message, depth: int) -> None:
        dice = self._dice
        chosen = {
            one.name: dice.choice([field.name for field in one.fields])
            for one in message.DESCRIPTOR.oneofs
        }
        for field in message.DESCRIPTOR.fields:
            if field.containing_oneof and chosen[field.containing_oneof.name] != field.name:
                continue
            if dice.random() < 0.15 and not field.is_required:
                continue
            if field.is_repeated:
                most = dice.choice([0, 1, 1, 2, 3, 30]) if depth < 4 else dice.randint(0, 1)
                for _ in range(most):
                    self._append(getattr(message, field.name), field, depth)
            elif field.message_type is not None:
                part = getattr(message, field.name)
                part.SetInParent()
                if depth < dice.choice([3, 6, 30]):
                    self._fill(part, depth + 1)
            else:
                setattr(message, field.name, self._value(field))

    def _append(self, values: Any, field: Any, depth: int) -> None:  # noqa: ANN401
        if field.message_type is not None:
            one = values.add()
            if depth < 30:
                self._fill(one, depth + 1)
        else:
            values.append(self._value(field))

    def _value(self, field: Any) -> Any:  # noqa: ANN401 - of the field's type
        dice = self._dice
        if field.type == Field.TYPE_BOOL:
            return dice.random() < 0.5
        if field.enum_type is not None:
            return dice.choice([one.number for one in field.enum_type.values])
        if field.type in {Field.TYPE_DOUBLE, Field.TYPE_FLOAT}:
            return dice.choice([0.0, 0.2, 1.0, -1.0, 3.0, float("nan")])
        if field.type in _INTEGERS:
            return self._integer(field)
        if field.type == Field.TYPE_BYTES:
            return output(dice)
        return self._string(field)

    def _integer(self, field: Field) -> int:
        wide = field.type in _WIDE
        low, high = (0, 2**32 - 1) if field.type in _UNSIGNED else (-(2**31), 2**31 - 1)
        if wide:
            low, high = (0, 2**64 - 1) if field.type in _UNSIGNED else (-(2**63), 2**63 - 1)
        number = self._dice.choice([*NUMBERS, self._dice.randint(0, 200)])
        return max(low, min(high, number))

    def _string(self, field: Field) -> str:
        dice = self._dice
        name = field.full_name.removeprefix("iterm2.")
        stem = field.name.removesuffix("s").removesuffix("_id")
        known = _KNOWN.get(name)
        if known is None and "json" in field.name:
            known = JSON
        if known is None and stem in IDS:
            return self._id(stem)
        if known is None and ("Variable" in name or ("RPC" in name and dice.random() < 0.5)):
            known = VARIABLES
        if known is None and field.name in {"key", "keys", "properties"}:
            known = PROPERTIES
        if known is None and field.name == "name" and dice.random() < 0.5:
            known = NAMES
        return self.text() if known is None else dice.choice(known)

    # Functions.

    def _invocation(self, request: api_pb2.InvokeFunctionRequest) -> None:
        self._fill(request, 0)
        dice = self._dice
        calls: dict[str, dict[str, Any]] = {
            "iterm2.set_name": {"name": self.text()},
            "iterm2.set_title": {"title": self.text()},
            "iterm2.select_pane_in_direction": {"direction": dice.choice(["left", "below", "x"])},
            "iterm2.move_tab_to_window": {},
            "iterm2.move_session": {"session": self.text(), "destination": self.text(),
                                    "vertical": dice.random() < 0.5, "before": dice.random() < 0.5},
            "iterm2.move_session_to_new_window": {"session": self.text()},
            "iterm2.apply_layout": {"spec_json_b64": self._layout()},
            "iterm2.run_coprocess": {"commandLine": dice.choice(COMMANDS), "mute": True},
            "iterm2.stop_coprocess": {},
            "iterm2.get_coprocess": {},
            "iterm_mcp.press_key": {"action": 0, "bytes": "YQ==", "characters": self.text()[:50],
                                    "charactersIgnoringModifiers": "a", "keyCode": -1,
                                    "modifiers": dice.choice([[], [1, 2], [[]]])},
            "iterm_mcp.screenshot": {"format": dice.choice(["svg", "text", "ansi", "gif"]),
                                     "history": dice.choice([0, 5, 2000, -1])},
            "iterm_mcp.record": {"on": dice.random() < 0.5},
            "iterm_mcp.mark": {"label": self.text()},
            "f": {"x": 1},
        }  # fmt: skip
        name = dice.choice(sorted(calls))
        arguments = calls[name]
        for key in list(arguments):
            if dice.random() < 0.05:
                arguments[key] = dice.choice([None, [], -5, "", [[[1]]]])
        written = ", ".join(f"{key}: {json.dumps(one)}" for key, one in arguments.items())
        request.invocation = f"{name}({written})"

    def _layout(self) -> str:
        tabs = [{"tab_id": self.text(), "root": self._layout_node(0)} for _ in range(2)]
        spec = json.dumps({"tabs": tabs, "close_sessions": [self.text()], "close_tabs": []})
        if self._dice.random() < 0.3:
            spec = self._dice.choice(JSON)
        return base64.b64encode(spec.encode()).decode()

    def _layout_node(self, depth: int) -> dict[str, Any]:
        dice = self._dice
        if depth > dice.choice([0, 2, 4]):
            return {"session_id": self.text()} if dice.random() < 0.9 else {"new_session": {}}
        count = dice.choice([0, 1, 2, 3])
        children = [self._layout_node(depth + 1) for _ in range(count)]
        return {"vertical": dice.random() < 0.5, "children": children}
