"""Runbooks: each alert leads to a section, and what that section says can be done."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from scripts.alerts import ALERTS, FAMILIES
from scripts.alerts.slos import OBJECTIVES
from tests.alerts.shipped import alerts
from tests.alerts.test_reading import exposed

from iterm_mcp.cli import app
from iterm_mcp.config import Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "runbooks"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.md"))}

CODE = re.compile(r"```sh\n(.*?)```|`([^`]+)`", re.DOTALL)
LINK = re.compile(r"\]\((\w*)(?:\.md)?#([\w-]+)\)")


def sections(page: str) -> list[str]:
    return re.findall(r"^## (\S+)$", page, re.MULTILINE)


def commands(page: str) -> list[str]:
    """Return every call of our command line, each as one line."""
    found = []
    for block, inline in CODE.findall(page):
        lines = block.splitlines() if block else [" ".join(inline.split())]
        found += [line for line in lines if line.startswith("iterm-mcp ")]
    return found


@cache
def verbs() -> Any:  # noqa: ANN401 - typer has a copy of click, which nobody shall name
    return typer.main.get_command(app)


def check_command(line: str) -> None:
    """Fail where our command line does not know a verb, an option, or takes other arguments."""
    command, context, words = verbs(), None, shlex.split(line)[1:]
    path = "iterm-mcp"
    while hasattr(command, "commands"):
        assert words, f"{line}: {path} needs a verb"
        assert words[0] in command.commands, f"{line}: no verb {words[0]}"
        path, command, words = f"{path} {words[0]}", command.commands[words[0]], words[1:]
    context = command.context_class(command, info_name=path)
    given, left, _ = command.make_parser(context).parse_args(args=list(words))
    assert not left, f"{line}: too many arguments"
    for param in command.params:
        if param.required and param.param_type_name == "argument":
            assert given.get(param.name), f"{line}: {param.name} is missing"


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    wanted = {(family.name, alert.section) for family in FAMILIES for alert in family.alerts}
    assert {(page, one) for page, text in PAGES.items() for one in sections(text)} == wanted


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_leads_to_its_runbook(name: str) -> None:
    path, _, anchor = alerts()[name].annotations["runbook_url"].partition("#")
    text = (ROOT / path).read_text("utf-8")
    assert anchor in {one.lower() for one in sections(text)}
    assert name in text


@pytest.mark.parametrize("page", PAGES)
def test_what_a_runbook_says_to_type_can_be_typed(page: str) -> None:
    lines = commands(PAGES[page])
    assert lines
    for line in lines:
        check_command(line)


@pytest.mark.parametrize("page", PAGES)
def test_where_a_runbook_sends_people_there_is_a_section(page: str) -> None:
    for where, anchor in LINK.findall(PAGES[page]):
        assert anchor in {one.lower() for one in sections(PAGES[where or page])}, (where, anchor)


@pytest.mark.parametrize("page", PAGES)
def test_a_runbook_names_settings_and_series_that_there_are(page: str) -> None:
    variables = {f"ITERM_MCP_{name.upper()}" for name in Settings.model_fields}
    told = set(re.findall(r"ITERM_MCP_\w+", PAGES[page])) - {"ITERM_MCP_HOME"}
    assert told <= variables
    series = set(re.findall(r"iterm_mcp_\w+|process_\w+", PAGES[page]))
    known = exposed().keys() | {name.rpartition("_")[0] for name in exposed()}
    assert series <= known


@pytest.mark.parametrize(
    "line",
    [
        "iterm-mcp", "iterm-mcp alerts", "iterm-mcp alerts paint", "iterm-mcp alerts list --loud",
        "iterm-mcp alerts test", "iterm-mcp alerts test a b",
    ],
)  # fmt: skip
def test_what_cannot_be_typed_is_told(line: str) -> None:
    with pytest.raises(Exception, match=r"verb|option|missing|many"):
        check_command(line)


def test_a_decision_has_more_than_one_outcome() -> None:
    """Nearly every section asks, and says what follows from either answer."""
    asking = [part for text in PAGES.values() for part in text.split("\n## ")[1:] if "?" in part]
    single = [
        part.splitlines()[0]
        for part in asking
        if part.count("\n   - ") < 2 and "Go to" not in part and "- **" not in part
    ]
    assert single == []
    assert len(asking) > 0.8 * len({*ALERTS} - {one for one in ALERTS if "BudgetBurns" in one})
    assert len(OBJECTIVES) == len(sections(PAGES["slo"]))
