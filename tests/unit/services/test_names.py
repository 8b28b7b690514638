import pytest

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.names import NOTE_LIMIT, check_name, check_note, not_found


@pytest.mark.parametrize("name", ["a", "Ada", "agent-7", "team.blue_2", "9", "x" * 64, "ALLY"])
def test_letters_digits_dots_underscores_and_hyphens_make_a_name(name: str) -> None:
    check_name("agent", name)


@pytest.mark.parametrize(
    "name", ["", "x" * 65, "two words", "ünder", "a/b", "tail\n", "\x1b[2J", "@ada"]
)
def test_anything_else_does_not(name: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_name("agent", name)

    assert caught.value.hint
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("word", ["all", "broadcast", "active", "ALL", "Active"])
def test_words_that_mean_a_target_are_reserved_in_any_case(word: str) -> None:
    with pytest.raises(InvalidRequestError, match="reserved"):
        check_name("team", word)


def test_a_note_is_short_and_printable() -> None:
    check_note("role", "")
    check_note("role", "reviews — carefully" + "!" * (NOTE_LIMIT - 19))

    for note in ("!" * (NOTE_LIMIT + 1), "two\nlines", "\x1b[31mred", "\ud800"):
        with pytest.raises(InvalidRequestError, match="role"):
            check_note("role", note)


def test_a_hint_names_what_is_most_like_the_unknown_name() -> None:
    assert not_found("agent", "revewer", ["reviewer", "tester"]).hint == "Did you mean reviewer?"


def test_a_hint_says_where_to_look_when_nothing_is_alike() -> None:
    assert "list_teams" in not_found("team", "qqq", ["reviewer"]).hint


def test_however_long_the_unknown_name_is_the_error_is_short() -> None:
    error = not_found("agent", "x" * 100_000, [f"agent-{number}" for number in range(1000)])

    assert len(str(error)) < 200
    assert len(error.name) < 200
