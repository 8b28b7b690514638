from __future__ import annotations

import pytest

from iterm_mcp.services.backlog.conventions import commands_for

PYTEST = "[tool.pytest.ini_options]\n"
TESTED = '{"scripts": {"test": "vitest"}}'


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({}, ()),
        ({"Makefile": "all:\n\ntest: all\n\tgo test\n", "go.mod": ""}, ("make test",)),
        ({"Makefile": "check:\n\ttrue\ntest:\n\ttrue\n"}, ("make test",)),
        ({"GNUmakefile": "check :\n\ttrue\n"}, ("make check",)),
        ({"Makefile": "test := 1\n.PHONY: test\n", "go.mod": ""}, ("go test ./...",)),
        ({"pyproject.toml": PYTEST}, ("python3 -m pytest -q",)),
        ({"pyproject.toml": PYTEST, "uv.lock": ""}, ("uv run pytest -q",)),
        ({"pyproject.toml": PYTEST, "poetry.lock": ""}, ("poetry run pytest -q",)),
        ({"pyproject.toml": 'dev = ["pytest"]'}, ("python3 -m pytest -q",)),
        ({"pyproject.toml": "is = no toml"}, ()),
        ({"pytest.ini": ""}, ("python3 -m pytest -q",)),
        ({"setup.cfg": "[tool:pytest]"}, ("python3 -m pytest -q",)),
        ({"tox.ini": "[pytest]"}, ("python3 -m pytest -q",)),
        ({"package.json": TESTED}, ("npm test",)),
        ({"package.json": TESTED, "pnpm-lock.yaml": ""}, ("pnpm test",)),
        ({"package.json": TESTED, "yarn.lock": ""}, ("yarn test",)),
        ({"package.json": TESTED, "bun.lock": ""}, ("bun run test",)),
        ({"package.json": '{"scripts": {"test": "echo no test specified"}}'}, ()),
        ({"package.json": '{"scripts": {"test": 1}}'}, ()),
        ({"package.json": "[]"}, ()),
        ({"package.json": "{"}, ()),
        ({"Cargo.toml": ""}, ("cargo test --quiet",)),
        ({"Cargo.toml": "", "package.json": TESTED}, ("npm test", "cargo test --quiet")),
    ],
)
def test_tests_are_found_by_what_files_say(
    files: dict[str, str], commands: tuple[str, ...]
) -> None:
    assert commands_for(files) == commands
