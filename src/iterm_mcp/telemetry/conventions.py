"""Names of attributes, as OpenTelemetry's conventions for MCP, GenAI and messages have them.

These conventions are still being made, and their Python constants were moved out of
``opentelemetry-semantic-conventions``; so the names stand here, as of November 2026.
"""

from __future__ import annotations

METHOD = "mcp.method.name"
RESOURCE = "mcp.resource.uri"
MCP_SESSION = "mcp.session.id"
PROTOCOL = "mcp.protocol.version"
REQUEST = "jsonrpc.request.id"
STATUS = "rpc.response.status_code"
TRANSPORT = "network.transport"
ERROR = "error.type"
TOOL_ERROR = "tool_error"

OPERATION = "gen_ai.operation.name"
EXECUTE_TOOL = "execute_tool"
INVOKE_AGENT = "invoke_agent"
CREATE_AGENT = "create_agent"
INVOKE_WORKFLOW = "invoke_workflow"
TOOL = "gen_ai.tool.name"
CALL = "gen_ai.tool.call.id"
ARGUMENTS = "gen_ai.tool.call.arguments"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
AGENT_ID = "gen_ai.agent.id"
CONVERSATION = "gen_ai.conversation.id"
MODEL = "gen_ai.response.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"

MESSAGING = "messaging.system"
MESSAGE = "messaging.message.id"
MESSAGING_OPERATION = "messaging.operation.name"
MESSAGING_TYPE = "messaging.operation.type"
DESTINATION = "messaging.destination.name"

CLIENT = "iterm_mcp.client"
SENDER = "iterm_mcp.sender"
SESSION = "iterm_mcp.session"
STAGE = "iterm_mcp.message.stage"
REASON = "iterm_mcp.reason"
EVIDENCE = "iterm_mcp.evidence"
OUTCOME = "iterm_mcp.outcome"
KIND = "iterm_mcp.agent.kind"
TURN = "iterm_mcp.turn"
TASK = "iterm_mcp.task"
GRAPH = "iterm_mcp.graph"
ATTEMPT = "iterm_mcp.attempt"
MACHINE = "iterm_mcp.machine"

PROVIDERS = {"claude": "anthropic", "codex": "openai", "gemini": "gcp.gemini"}
"""By the kind of an agent."""


def provider_of(kind: str) -> str:
    """Return who provides the models of a kind of agents; the kind itself where nobody knows."""
    return PROVIDERS.get(kind.removesuffix("-headless"), kind)
