"""iTerm2's messages: the one door to the schema, which the installed library brings."""

from iterm2.api_pb2 import *  # noqa: F403
