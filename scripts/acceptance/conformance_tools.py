"""The tools that the official conformance suite calls by name, as rows for our tool boundary."""

import json
from typing import Annotated, Any, cast

import anyio
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from iterm_mcp.errors import ItermMcpError
from iterm_mcp.tools.tool import ADDS, ToolRow

Ctx = Context[Any, Any]

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg=="
)
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
PAUSE = 0.05


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    """Return a resource as content."""
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return EmbeddedResource(type="resource", resource=contents)


def form(message: str, **properties: Any) -> ElicitRequest:  # noqa: ANN401 - any JSON
    """Return a question with these fields, all of them required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampling(text: str, max_tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=_text(text))
    return CreateMessageRequest(
        params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    )


def _answer(context: Ctx, key: str, kind: type) -> Any:  # noqa: ANN401 - of that kind, or None
    answer = (context.input_responses or {}).get(key)
    return answer if isinstance(answer, kind) else None


async def test_simple_text() -> str:
    """Return text."""
    return "This is a simple text response for testing."


async def test_image_content() -> CallToolResult:
    """Return a picture."""
    return CallToolResult(content=[ImageContent(type="image", data=PNG, mime_type="image/png")])


async def test_audio_content() -> CallToolResult:
    """Return a sound."""
    return CallToolResult(content=[AudioContent(type="audio", data=WAV, mime_type="audio/wav")])


async def test_embedded_resource() -> CallToolResult:
    """Return a resource."""
    text = "This is an embedded resource content."
    return CallToolResult(content=[embedded("test://embedded-resource", "text/plain", text)])


async def test_multiple_content_types() -> CallToolResult:
    """Return a text, a picture and a resource."""
    values = json.dumps({"test": "data", "value": 123})
    return CallToolResult(
        content=[
            _text("Multiple content types test:"),
            ImageContent(type="image", data=PNG, mime_type="image/png"),
            embedded("test://mixed-content-resource", "application/json", values),
        ]
    )


async def test_error_handling() -> str:
    """Fail."""
    raise ItermMcpError("This tool intentionally returns an error for testing")


async def test_tool_with_logging(context: Ctx) -> str:
    """Log three times on the way."""
    for message in ("started", "processing data", "completed"):
        await _log(context, message)
        await anyio.sleep(PAUSE)
    return "logged"


async def _log(context: Ctx, message: str) -> None:
    verb = "" if message.startswith("processing") else "execution "
    await context.session.send_log_message("info", f"Tool {verb}{message}")


async def test_tool_with_progress(context: Ctx) -> str:
    """Tell of progress three times."""
    for progress in (0, 50, 100):
        await context.report_progress(progress, 100)
        await anyio.sleep(PAUSE)
    return "done"


async def test_sampling(
    prompt: Annotated[str, Field(description="What to ask.")], context: Ctx
) -> str:
    """Ask the client's model."""
    message = SamplingMessage(role="user", content=_text(prompt))
    result = await context.session.create_message([message], max_tokens=100)
    return f"LLM response: {getattr(result.content, 'text', '')}"


async def _elicit(context: Ctx, request: ElicitRequest) -> str:
    asked = cast("ElicitRequestFormParams", request.params)
    result = await context.session.elicit_form(asked.message, asked.requested_schema)
    content = json.dumps(result.content)
    return f"Elicitation completed: action={result.action}, content={content}"


async def test_elicitation(
    message: Annotated[str, Field(description="What to ask.")], context: Ctx
) -> str:
    """Ask the client's user."""
    text = {"type": "string", "description": "Theirs."}
    return await _elicit(context, form(message, username=text, email=text))


async def test_elicitation_sep1034_defaults(context: Ctx) -> str:
    """Ask with defaults of every kind."""
    states = ["active", "inactive", "pending"]
    asked = form(
        "Check these",
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": states, "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    return await _elicit(context, asked)


async def test_elicitation_sep1330_enums(context: Ctx) -> str:
    """Ask with choices of every kind."""
    plain = ["option1", "option2", "option3"]
    titled = [{"const": f"value{n}", "title": f"Choice {n}"} for n in (1, 2, 3)]
    names = ["Option One", "Option Two", "Option Three"]
    asked = form(
        "Choose",
        untitledSingle={"type": "string", "enum": plain},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names},
        untitledMulti={"type": "array", "items": {"type": "string", "enum": plain}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    )
    return await _elicit(context, asked)


NAME = form("What is your name?", name={"type": "string"})


async def test_input_required_result_elicitation(context: Ctx) -> Any:  # noqa: ANN401
    """Ask for a name in a second round."""
    answer = _answer(context, "user_name", ElicitResult)
    name = (answer.content or {}).get("name") if answer else None
    if not isinstance(name, str):
        return InputRequiredResult(input_requests={"user_name": NAME})
    return f"Hello, {name}!"


async def test_input_required_result_sampling(context: Ctx) -> Any:  # noqa: ANN401
    """Ask the client's model in a second round."""
    answer = _answer(context, "capital_question", CreateMessageResult)
    if answer is None:
        question = _sampling("What is the capital of France?", 100)
        return InputRequiredResult(input_requests={"capital_question": question})
    return f"It said: {getattr(answer.content, 'text', '')}"


async def test_input_required_result_list_roots(context: Ctx) -> Any:  # noqa: ANN401
    """Ask for the roots in a second round."""
    answer = _answer(context, "client_roots", ListRootsResult)
    if answer is None:
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return ", ".join(str(root.uri) for root in answer.roots)


async def test_input_required_result_request_state(context: Ctx) -> Any:  # noqa: ANN401
    """Keep a state between two rounds."""
    asked = form("Please confirm", ok={"type": "boolean"})
    if _answer(context, "confirm", ElicitResult) is None or context.request_state != "asked":
        return InputRequiredResult(input_requests={"confirm": asked}, request_state="asked")
    return "state-ok"


async def test_input_required_result_tampered_state(context: Ctx) -> Any:  # noqa: ANN401
    """Refuse a state that was changed on the way; our factory seals it."""
    return await test_input_required_result_request_state(context)


async def test_input_required_result_multiple_inputs(context: Ctx) -> Any:  # noqa: ANN401
    """Ask for three things at once."""
    wanted = {
        "user_name": ElicitResult, "greeting": CreateMessageResult, "client_roots": ListRootsResult
    }  # fmt: skip
    if all(_answer(context, key, kind) for key, kind in wanted.items()):
        return "all there"
    return InputRequiredResult(
        input_requests={
            "user_name": NAME,
            "greeting": _sampling("Generate a greeting", 50),
            "client_roots": ListRootsRequest(),
        },
        request_state="asked",
    )


async def test_input_required_result_multi_round(context: Ctx) -> Any:  # noqa: ANN401
    """Ask twice, one question after the other."""
    if context.request_state == "one" and _answer(context, "step1", ElicitResult):
        asked = form("Step 2: What is your favorite color?", color={"type": "string"})
        return InputRequiredResult(input_requests={"step2": asked}, request_state="two")
    if context.request_state == "two" and _answer(context, "step2", ElicitResult):
        return "both answered"
    asked = form("Step 1: What is your name?", name={"type": "string"})
    return InputRequiredResult(input_requests={"step1": asked}, request_state="one")


async def test_input_required_result_capabilities(context: Ctx) -> Any:  # noqa: ANN401
    """Ask only in ways that the client knows."""
    declared = context.client_capabilities
    asked: dict[str, Any] = {}
    if declared and declared.elicitation:
        asked["user_name"] = NAME
    if declared and declared.sampling:
        asked["greeting"] = _sampling("Generate a greeting", 50)
    return InputRequiredResult(input_requests=asked) if asked else "nothing to ask with"


async def test_missing_capability(context: Ctx) -> str:
    """Refuse a client that has no sampling."""
    declared = context.client_capabilities
    if declared is None or declared.sampling is None:
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            "this needs sampling",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "it is there"


async def test_streaming_elicitation(context: Ctx) -> Any:  # noqa: ANN401
    """Ask while the answer is a stream."""
    await context.report_progress(0, 1)
    return await test_input_required_result_elicitation(context)


async def test_logging_tool(context: Ctx) -> str:
    """Log, where the request said that it wants to hear it."""
    await _log(context, "started")
    return "done"


ROWS = [
    ToolRow(value, name.replace("_", " "), ADDS)
    for name, value in list(globals().items())
    if name.startswith("test_")
]
