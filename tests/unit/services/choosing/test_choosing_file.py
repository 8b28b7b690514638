from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.services.choosing.outcomes import spec

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.choosing import Arm, Method
from iterm_mcp.services.choosing.choosing_file import (
    MOST_FILE_BYTES,
    ChoosingSettings,
    Rule,
    read_choosing,
)
from iterm_mcp.services.choosing.thompson import Worth

if TYPE_CHECKING:
    from pathlib import Path

ARMS = '[arms.a]\nkind = "claude"\n[arms.b]\nkind = "codex"\n'


def read(folder: Path, text: str) -> ChoosingSettings:
    path = folder / "choosing.toml"
    path.write_text(text)
    return read_choosing(str(path))


def test_without_a_file_nothing_is_chosen(tmp_path: Path) -> None:
    settings = read_choosing(str(tmp_path / "none.toml"))
    assert (settings.method, settings.arms_for("x"), settings.default_for("x")) == (
        Method.FIXED, {}, "",
    )  # fmt: skip
    assert settings.worth == Worth()


def test_a_kind_of_work_may_have_its_own_way(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        'method = "thompson"\ndefault = "a"\n'
        f'{ARMS}[tasks.review]\nmethod = "fixed"\narms = ["b"]\n[tasks.docs]\ndefault = "b"\n',
    )
    assert settings.method_for("backlog") is Method.THOMPSON
    assert settings.method_for("review") is Method.FIXED
    assert settings.arms_for("review") == {"b": Arm("b", "codex")}
    assert [settings.default_for(one) for one in ("backlog", "review", "docs")] == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("rule", "takes"),
    [
        ({}, True),
        ({"task": "backlog", "kind": "claude", "team": ""}, True),
        ({"task": "other"}, False),
        ({"kind": "codex"}, False),
        ({"team": "web"}, False),
        ({"labels": {"gpu": "yes"}}, False),
        ({"least_characters": 6}, False),
        ({"least_characters": 5, "most_characters": 5}, True),
        ({"most_characters": 4}, False),
    ],
)
def test_a_rule_matches_when_all_it_says_holds(rule: dict[str, object], *, takes: bool) -> None:
    assert Rule.model_validate({"arm": "a", **rule}).takes(spec(prompt="do it"), "backlog") is takes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('method = "dice"', "method"),
        ('default = "c"', "default: there is no arm 'c'"),
        (f'{ARMS}[[rules]]\narm = "c"', "rules.0: there is no arm 'c'"),
        (f'{ARMS}[tasks.x]\ndefault = "c"', "tasks.x: there is no arm 'c'"),
        (f'{ARMS}[tasks.x]\narms = ["c"]', "tasks.x: there is no arm 'c'"),
        ('[arms."two words"]\nkind = "claude"', "arms"),
        ("[arms.a]\nmodel = 'x'", "arms.a.kind"),
        ("explore = 2", "explore"),
        ("success_dollars = inf", "success_dollars"),
        ("explroe = 0.1", "explroe"),
        ("x", "Expected '='"),
        ("#" * (MOST_FILE_BYTES + 1), "bytes"),
    ],
)
def test_what_cannot_be_understood_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        read(tmp_path, text)
    assert caught.value.code == "bad_choosing_file"
