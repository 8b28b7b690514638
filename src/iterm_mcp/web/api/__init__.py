"""The HTTP interface under ``/v1``: all that tools offer, and what happened.

A subject is one module with a function that returns its `APIRouter`; it is added by one line in
`iterm_mcp.web.api.application`. Routers of `iterm_mcp.web.api.routing` let those read that may
read, and those change things that may type.
"""
