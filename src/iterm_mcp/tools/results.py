"""The tools for what agents publish."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.ids import TeamName
from iterm_mcp.models.results import FileState, Form
from iterm_mcp.services.untrusted import MAX_CHARACTERS, sanitise
from iterm_mcp.tools.answers import Json
from iterm_mcp.tools.callers import caller_of
from iterm_mcp.tools.tool import ADDS, READS, ToolRow

if TYPE_CHECKING:
    from iterm_mcp.models.results import Result
    from iterm_mcp.services.sharing.results import ResultService

EXCERPT_CHARACTERS = 2000
LISTED = 20


class ResultTools:
    """The tools over `ResultService`."""

    def __init__(self, results: ResultService) -> None:
        self._results = results

    def rows(self) -> list[ToolRow]:
        """Return the rows of this module's tools."""
        return [
            ToolRow(self.share_result, "Share result", ADDS, "publish output for other agents"),
            ToolRow(self.read_results, "Read results", READS, "what agents published found"),
        ]

    async def share_result(
        self,
        name: Annotated[str, Field(description="What it is.")],
        text: Annotated[str | None, Field(description="As text.")] = None,
        data: Annotated[dict[str, Any] | list[Any] | None, Field(description="Or JSON.")] = None,
        path: Annotated[str | None, Field(description="Or a file; it is not copied.")] = None,
        team: Annotated[str | None, Field(description="Only for this team.")] = None,
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Publish what you found or made, up to 256 kB, for others' read_results."""
        given = [(text, Form.TEXT), (data, Form.JSON), (path, Form.FILE)]
        said = [(content, form) for content, form in given if content is not None]
        if len(said) != 1:
            raise InvalidRequestError(
                "a result is a text, data or a path", hint="Give exactly one of them."
            )
        content, form = said[0]
        result = await self._results.share(
            caller_of(context),
            name,
            content,
            form=form,
            team=None if team is None else TeamName(team),
        )
        return {"number": result.number, "author": sanitise(result.author), "size": result.size}

    async def read_results(
        self,
        number: Annotated[int | None, Field(description="One, whole.", ge=1)] = None,
        offset: Annotated[int, Field(description="The next_offset.", ge=0)] = 0,
        author: Annotated[str | None, Field(description="An agent.")] = None,
        team: Annotated[str | None, Field(description="Its agents'.")] = None,
        name: Annotated[str | None, Field(description="Of this name.")] = None,
        after: Annotated[int, Field(description="A number.", ge=0)] = 0,
        *,
        context: Context[Any, Any],
    ) -> Json:
        """Read what agents published, the newest first; long ones are cut unless by number."""
        caller = caller_of(context)
        if number is not None:
            one = await self._results.get(caller, number)
            answer = _facts(one, await self._results.file_state(one))
            return {"untrusted": ["content"], **answer, **_content(one, offset)}
        found = await self._results.list(
            caller,
            author=author,
            team=None if team is None else TeamName(team),
            name=name,
            after=after,
            limit=LISTED,
        )
        return {
            "untrusted": ["results"],
            "results": [_excerpt(one, await self._results.file_state(one)) for one in found],
        }


def _facts(result: Result, file: FileState | None) -> Json:
    answer: Json = {
        "number": result.number,
        "author": sanitise(result.author),
        "name": sanitise(result.name),
        "form": result.form.value,
        "size": result.size,
        "at": result.created_at.isoformat(),
    }
    if result.team is not None:
        answer["team"] = result.team
    if file is not None:
        answer["file"] = file.value
    return answer


def _excerpt(result: Result, file: FileState | None) -> Json:
    if len(result.content) <= EXCERPT_CHARACTERS:
        return _facts(result, file) | _content(result)
    cut = f"{sanitise(result.content[:EXCERPT_CHARACTERS])}…"
    return _facts(result, file) | {"content": cut, "cut": True}


def _content(result: Result, offset: int = 0) -> Json:
    """Return what a result holds; JSON as such if all of it fits."""
    content = result.content
    if result.form is Form.JSON and len(content) <= MAX_CHARACTERS and not offset:
        return {"content": _sanitised(json.loads(content))}
    end = offset + MAX_CHARACTERS
    more: Json = {"next_offset": end} if end < len(content) else {}
    return {"content": sanitise(content[offset:end]), **more}


def _sanitised(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with each of its texts and keys made safe to hand to a model."""
    match value:
        case str():
            return sanitise(value)
        case list():
            return [_sanitised(one) for one in value]
        case dict():
            return {sanitise(str(key)): _sanitised(one) for key, one in value.items()}
        case _:
            return value
