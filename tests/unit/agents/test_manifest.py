"""Descriptions of kinds: what fits, and what is said of what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from iterm_mcp.agents.described import SHIPPED, kind_folders, open_described, read_described
from iterm_mcp.agents.key_names import key_code, read_keys
from iterm_mcp.agents.kinds import find_kind
from iterm_mcp.agents.manifest import MANIFEST_BYTES, Manifest, parse_manifest, read_manifest
from iterm_mcp.errors import InvalidRequestError, NotFoundError

PATH = Path("/k/mine.toml")
LEAST = """
name = "mine"
[start]
program = "mine"
[composer]
pattern = '^> (?P<text>.*)$'
"""


def parsed(text: str) -> Manifest:
    return parse_manifest(text.encode(), PATH)


def test_the_least_that_describes_a_kind_is_its_name_program_and_composer() -> None:
    manifest = parsed(LEAST)

    assert (manifest.name, manifest.while_busy) == ("mine", "refuses")
    assert manifest.keys.interrupt == "<ctrl-c>"
    assert manifest.screen.otherwise == "busy"


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("name =", "not TOML", "line"),
        (LEAST.replace('name = "mine"', ""), "name: Field required", '"aider"'),
        (LEAST.replace('"mine"', '"My Kind"', 1), "name:", "lower-case"),
        (LEAST.replace("[composer]", "[composers]"), "composer: Field required", "[composer]"),
        (LEAST.replace("(?P<text>.*)", ".*"), "composer.pattern: no group", "(?P<text>.*)"),
        (LEAST.replace("(?P<text>", "(?P<text"), "composer.pattern: not a regular", "regular"),
        (LEAST + "rows = 3", "composer.rows: there is no such key", "rows_below"),
        (LEAST + "submit = '<entr>'", "composer.submit: <entr> is no key", "<enter>"),
        (LEAST + "rows_below = 99", "composer.rows_below:", "how many rows"),
        (LEAST + "[screen]\nbusy = ['a', '(']", "screen.busy.2: not a regular", "list of regular"),
        (LEAST + "[[dialog]]\npattern = 'x'\noptions = ['a']\nanswers = ['a', 'b']",
         "dialog.1: options and answers must be of the same length", "[[dialog]]"),
        (LEAST + "[[dialog]]\npattern = 'x'\noptions = ['a']", "dialog.1.answers:", '"y<enter>"'),
        (LEAST + "[[gate]]\npattern = 'x'", "gate.1.name: Field required", '"trust"'),
        ("while_busy = 'maybe'" + LEAST, "while_busy:", '"keeps", "steers" or "refuses"'),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_file_and_key_and_what_to_write(
    text: str, key: str, hint: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parsed(text)

    assert str(caught.value).startswith(f"{PATH}: {key}")
    assert hint in caught.value.hint
    assert caught.value.code == "kind_manifest"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MANIFEST_BYTES + 1))

    for path, words in ((tmp_path / "none.toml", "No such file"), (large, "more than")):
        with pytest.raises(InvalidRequestError, match=words):
            read_manifest(path)


def test_what_ships_is_sound() -> None:
    described = read_described([])

    assert described.problems == ()
    assert "aider" in described.kinds
    assert all(path.parent == SHIPPED for path in described.places.values())


def test_a_users_kind_takes_the_place_of_a_shipped_one_and_a_broken_one_hinders_no_other(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.toml").write_text(LEAST.replace('"mine"', '"aider"', 1))
    (tmp_path / "b.toml").write_text("name = 1")
    (tmp_path / "c.toml").write_text(LEAST)
    (tmp_path / "d.toml").write_text(LEAST)

    described = read_described([tmp_path / "missing", tmp_path])

    assert described.places["aider"] == tmp_path / "a.toml"
    assert described.places["mine"] == tmp_path / "c.toml"
    assert [str(one).partition(":")[0] for one in described.problems] == [
        str(tmp_path / "b.toml"), str(tmp_path / "d.toml")
    ]  # fmt: skip
    assert "taken by c.toml" in str(described.problems[1])


def test_kinds_are_looked_for_in_the_state_folder_and_where_the_setting_says() -> None:
    assert kind_folders("/s", "") == (Path("/s/kinds"),)
    assert kind_folders("/s", "/a::/b") == (Path("/s/kinds"), Path("/a"), Path("/b"))


def test_keys_are_read_as_they_are_written() -> None:
    typed = [stroke.text for stroke in read_keys("/exit<enter><ctrl-c>a<lt>b<up>")]

    assert typed == ["/exit", "\r", "\x03", "a", "<", "b", "\x1b[A"]
    assert [stroke.text for stroke in read_keys("1 < 2")] == ["1 < 2"]
    assert read_keys("") == ()
    assert key_code("ctrl-z") == "\x1a"
    with pytest.raises(ValueError, match="<ctrl-a> to <ctrl-z>"):
        read_keys("<hyper-x>")


async def test_described_kinds_are_found_while_open_and_problems_hinder_nobody(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.toml").write_text(LEAST)
    (tmp_path / "broken.toml").write_text("name = 1")

    async with open_described([tmp_path]):
        assert find_kind("mine").name == "mine"
        assert find_kind("aider").name == "aider"

    with pytest.raises(NotFoundError):
        find_kind("mine")


def test_the_example_in_the_manual_is_sound() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "kinds.md").read_text("utf-8")

    manifest = parsed(manual.partition("```toml\n")[2].partition("```")[0])

    assert manifest.dialog[0].answers == ("y<enter>", "n<enter>")
