"""What is written for Docker, held against the schema of compose files and what Grafana reads."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import yaml

from iterm_mcp.monitoring.compose import shipped_dashboards, write_compose
from iterm_mcp.monitoring.places import Options, Places

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
SECRET = "the-token-itself"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    places = Places(tmp_path / "state", tmp_path / "token", tmp_path / "daemon.json")
    places.token.write_text(SECRET)
    places.daemon_info.write_text('{"http": "http://127.0.0.1:7799"}')
    write_compose(tmp_path / "out", places, Options(9191, 9292, 120, 3), 3100)
    return tmp_path / "out"


def load(folder: Path, *parts: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load(folder.joinpath(*parts).read_text("utf-8"))


def test_the_compose_file_is_one(folder: Path) -> None:
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    written = load(folder, "compose.yaml")
    assert [one.message for one in validator.iter_errors(written)] == []
    assert not validator.is_valid({**written, "services": {"one": {"imagine": "x"}}})


def test_every_image_has_a_version_and_none_is_the_latest(folder: Path) -> None:
    images = [one["image"] for one in load(folder, "compose.yaml")["services"].values()]
    assert len(images) == 3
    assert all(":" in one and not one.endswith(":latest") for one in images)


def test_everything_listens_on_this_machine_alone(folder: Path) -> None:
    services = load(folder, "compose.yaml")["services"]
    for name, port in (("prometheus", 9191), ("alertmanager", 9292)):
        assert f"--web.listen-address=127.0.0.1:{port}" in services[name]["command"]
    assert "--storage.tsdb.retention.time=120d" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_PORT"] == "3100"
    assert {one["network_mode"] for one in services.values()} == {"host"}
    assert not any("ports" in one for one in services.values())


def test_every_file_that_is_mounted_is_there(folder: Path) -> None:
    compose = load(folder, "compose.yaml")
    for service in compose["services"].values():
        for volume in service["volumes"]:
            assert (folder / volume.split(":")[0]).is_dir(), volume
    assert (folder / compose["secrets"]["grafana_password"]["file"]).is_file()
    assert load(folder, "prometheus", "targets.json")[0]["targets"] == ["127.0.0.1:7799"]
    (receiver,) = load(folder, "alertmanager", "alertmanager.yml")["receivers"]
    assert receiver["webhook_configs"][0]["url"] == "http://127.0.0.1:7799/v1/alertmanager"


def test_grafana_finds_prometheus_and_all_dashboards(folder: Path) -> None:
    sources = load(folder, "grafana", "provisioning", "datasources", "prometheus.yaml")
    assert sources["datasources"][0]["url"] == "http://127.0.0.1:9191"
    assert sources["datasources"][0]["isDefault"] is True
    (provider,) = load(folder, "grafana", "provisioning", "dashboards", "iterm-mcp.yaml")[
        "providers"
    ]
    mounted = load(folder, "compose.yaml")["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounted
    written = {one.name for one in (folder / "grafana" / "dashboards").iterdir()}
    assert written == {one.name for one in shipped_dashboards()}


def test_the_token_is_in_none_of_them_and_all_are_their_owners_alone(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    for one in folder.rglob("*"):
        if one.is_file():
            assert one.stat().st_mode & 0o777 == 0o600, one
            assert SECRET not in one.read_text("utf-8")


def test_written_again_it_keeps_the_password_and_drops_what_is_no_more(
    folder: Path, tmp_path: Path
) -> None:
    password = (folder / "grafana-password").read_text("utf-8")
    (folder / "grafana" / "dashboards" / "old.json").write_text("{}")
    places = Places(tmp_path / "state", tmp_path / "token", tmp_path / "daemon.json")
    write_compose(folder, places, Options(), 3000)
    assert (folder / "grafana-password").read_text("utf-8") == password
    assert len(password) >= 20
    assert not (folder / "grafana" / "dashboards" / "old.json").exists()
