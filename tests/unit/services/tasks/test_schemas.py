import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.observations import Json
from iterm_mcp.services.tasks.acceptance.schemas import check_schema, misfits

WANTED: dict[str, Json] = {
    "type": "object",
    "required": ["summary"],
    "properties": {"summary": {"type": "string"}, "count": {"type": "integer", "minimum": 0}},
}


async def test_an_output_that_fits_has_no_problem() -> None:
    assert await misfits(WANTED, {"summary": "done", "count": 2}) == []


async def test_every_misfit_is_told_with_its_place() -> None:
    found = await misfits(WANTED, {"count": -1})

    assert sorted(found) == [
        'its output does not fit the schema: "summary" is a required property',
        "its output.count does not fit the schema: -1 is less than the minimum of 0",
    ]


async def test_a_text_where_json_was_asked_for_is_told() -> None:
    (found,) = await misfits(WANTED, "I am done.")

    assert found == 'its output does not fit the schema: "I am done." is not of type "object"'


async def test_of_many_misfits_only_the_first_are_told() -> None:
    found = await misfits({"items": {"type": "string"}}, [*range(50)])

    assert len(found) == 6
    assert found[-1] == "and there is more in its output that does not fit"


async def test_what_is_told_of_a_value_is_short_and_harmless() -> None:
    (found,) = await misfits({"maxLength": 3}, "\x1b[31m" + "x" * 9000)

    assert "\x1b" not in found
    assert len(found) < 300


async def test_an_evil_pattern_takes_no_time() -> None:
    found = await misfits({"pattern": "^(a+)+$"}, "a" * 100_000 + "b")

    assert len(found) == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"pattern": "(?=a)"},
        {"required": "a"},
    ],
    ids=["type", "network", "file", "look-ahead", "required"],
)
async def test_a_schema_that_is_none_is_refused(schema: dict[str, Json]) -> None:
    with pytest.raises(InvalidRequestError, match="no JSON schema"):
        check_schema(schema)

    (problem,) = await misfits(schema, {})
    assert problem.startswith("its output cannot be held against a schema")


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
async def test_any_text_can_be_held_against_a_schema(text: str) -> None:
    assert await misfits({"type": "integer", "minLength": 1}, text)


async def test_an_output_that_no_json_can_hold_is_a_problem() -> None:
    (problem,) = await misfits({"required": ["b"]}, {"a": {1, 2}})  # type: ignore[dict-item]  # a set

    assert problem.startswith("its output is no JSON")
