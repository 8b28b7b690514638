"""JSON schemas that a task's output must fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyio import to_thread

from iterm_mcp.errors import InvalidRequestError, shown
from iterm_mcp.services.untrusted import sanitise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import jsonschema_rs

    from iterm_mcp.models.observations import Json

MOST_PROBLEMS = 5
SHOWN_CHARACTERS = 200


def check_schema(schema: Mapping[str, Json]) -> None:
    """See that a JSON schema is one, and needs nothing from elsewhere.

    Raises:
        InvalidRequestError: It is none.
    """
    _compiled(schema)


async def misfits(schema: Mapping[str, Json], output: Json) -> list[str]:
    """Return what of an output does not fit a schema, a sentence each; of many the first ones."""
    try:
        return await to_thread.run_sync(_misfits, schema, output)
    except InvalidRequestError as error:
        return [f"its output cannot be held against a schema: {error}"]


def _misfits(schema: Mapping[str, Json], output: Json) -> list[str]:
    try:
        return [*_first_of(_compiled(schema), output)]
    except (ValueError, TypeError) as error:  # a text that is no Unicode, a number that is none
        return [f"its output is no JSON: {_short(str(error))}"]


def _first_of(compiled: jsonschema_rs.Validator, output: Json) -> Iterator[str]:
    for number, error in enumerate(compiled.iter_errors(output)):
        if number == MOST_PROBLEMS:
            yield "and there is more in its output that does not fit"
            return
        where = ".".join(["output", *map(str, error.instance_path)])
        yield f"its {shown(where)} does not fit the schema: {_short(error.message)}"


def _compiled(schema: Mapping[str, Json]) -> jsonschema_rs.Validator:
    """Return a validator whose time is linear in what is searched, and that reads no network."""
    import jsonschema_rs  # noqa: PLC0415 - 15 MB that a daemon without such tasks never needs

    try:
        return jsonschema_rs.validator_for(
            dict(schema), pattern_options=jsonschema_rs.RegexOptions(), retriever=_refuse
        )
    except ValueError as error:
        reason = str(error).split("\n", 1)[0]
        raise InvalidRequestError(
            f"that is no JSON schema: {_short(reason)}",
            hint="Write one as in type: object, required: [summary].",
            code="bad_schema",
        ) from None


def _refuse(uri: str) -> Any:  # noqa: ANN401 - as the library has it
    raise ValueError(f"schemas from elsewhere are not read: {uri}")


def _short(text: str) -> str:
    line = " ".join(sanitise(text).split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
