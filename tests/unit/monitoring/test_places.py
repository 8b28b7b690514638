from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from iterm_mcp.cli import app
from iterm_mcp.errors import NotFoundError
from iterm_mcp.monitoring import compose, programs
from iterm_mcp.monitoring.bounded_log import BoundedLog
from iterm_mcp.monitoring.configuration import (
    alertmanager_config,
    daemon_url,
    install,
    prometheus_arguments,
    shipped_rules,
    targets_file,
)
from iterm_mcp.monitoring.places import (
    Options,
    Places,
    load_options,
    save_options,
)
from iterm_mcp.monitoring.programs import find_program
from iterm_mcp.monitoring.status import folder_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path, tmp_path / "token", tmp_path / "daemon.json")
    made.make()
    return made


def test_what_was_chosen_is_remembered(places: Places) -> None:
    chosen = Options(9191, 9292, 120, 2.5, 5)
    save_options(places, chosen)
    assert load_options(places) == chosen


@pytest.mark.parametrize("text", ["", "[]", '{"keep_days": "many", "scrape_seconds": true}'])
def test_what_is_damaged_is_as_usual(places: Places, text: str) -> None:
    places.options.write_text(text)
    assert load_options(places) == Options()


def test_a_limit_of_the_disk_is_told_to_prometheus() -> None:
    arguments = prometheus_arguments(Options(keep_gigabytes=1.5), "c", "d")
    assert "--storage.tsdb.retention.size=1500MB" in arguments
    assert "--storage.tsdb.retention.time=90d" in arguments


def test_the_daemon_is_where_it_says_or_said_last(places: Places) -> None:
    assert daemon_url(places) is None
    places.daemon_info.write_text("{}")
    assert daemon_url(places) is None
    places.daemon_info.write_text('{"http": "http://127.0.0.1:9"}')
    assert daemon_url(places) == "http://127.0.0.1:9"
    (target,) = json.loads(targets_file("http://127.0.0.1:9"))
    assert target["targets"] == ["127.0.0.1:9"]
    assert target["labels"]["instance"]
    told: Mapping[str, Any] = alertmanager_config("http://127.0.0.1:9", "/token")
    (hook,) = told["receivers"][0]["webhook_configs"]
    assert hook["url"] == "http://127.0.0.1:9/v1/alertmanager"


def test_rules_of_an_earlier_version_go(places: Places) -> None:
    (places.rules / "old.yml").write_text("")
    install(places, Options(), "http://127.0.0.1:9")
    assert {one.name for one in places.rules.iterdir()} == {one.name for one in shipped_rules()}


def test_a_log_is_cut_and_has_one_older_one(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "log", most_bytes=10)
    for told in (b"12345\n", b"6789\n", b"abc\n", b"0123456789ABCDEF\n"):
        log.write(told)
    assert (tmp_path / "log").read_bytes() == b"789ABCDEF\n"
    assert (tmp_path / "log.1").read_bytes() == b"6789\nabc\n"
    assert log.last_lines(3) == ["789ABCDEF"]
    assert BoundedLog(tmp_path / "none").last_lines(3) == []


def test_a_folder_that_is_full_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    BoundedLog(tmp_path / "log").write(b"x")


def test_a_folder_takes_what_its_files_take(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"12345")
    (tmp_path / "two").write_bytes(b"12")
    assert folder_bytes(tmp_path) == 7


def test_without_prometheus_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ITERM_MCP_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "ELSEWHERE", ())
    assert find_program("prometheus") is None
    done = CliRunner().invoke(app, ["monitoring", "up"])
    assert done.exit_code == 1
    assert "apt-get install prometheus" in done.output
    assert "brew install prometheus" in done.output
    assert "iterm-mcp monitoring compose" in done.output


def test_the_dashboards_are_found_in_a_checkout_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(compose.shipped_dashboards()) >= 5
    monkeypatch.setattr(compose, "CHECKED_OUT", Path("/nowhere"))
    monkeypatch.setattr(compose, "PACKED", Path("/nowhere"))
    with pytest.raises(NotFoundError, match="nowhere"):
        compose.shipped_dashboards()
