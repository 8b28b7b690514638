"""The manifests are what a cluster takes, and set only what there is to set."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from iterm_mcp.app.machine import MachineSettings, machine_settings
from iterm_mcp.config import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import kubernetes_validate

FOLDER = Path(__file__).parents[3] / "packaging/kubernetes"
VERSIONS = ("1.31", "1.37")
PREFIX = "ITERM_MCP_"


def documents() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for file in sorted(FOLDER.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            found += [(file.name, one) for one in yaml.safe_load_all(file.read_text("utf-8"))]
    return found


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for _, one in documents() if one["kind"] == kind]


def daemon() -> dict[str, Any]:
    (found,) = [one for one in of_kind("StatefulSet") if one["metadata"]["name"] == "iterm-mcp"]
    container: dict[str, Any] = found["spec"]["template"]["spec"]["containers"][0]
    return container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "document",
    [pytest.param(one, id=f"{one['kind']}-{one['metadata']['name']}") for _, one in documents()],
)
def test_a_manifest_is_as_the_schema_says(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_manifest_is_found() -> None:
    (document, *_) = of_kind("PodDisruptionBudget")
    broken = {**document, "spec": {**document["spec"], "maxUnavailible": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_the_daemon_is_told_nothing_but_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {one["name"]: one.get("value", "") for one in daemon()["env"]}
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}HOME"}

    assert set(values) <= known
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert machine_settings(Settings()).labels == {"os": "linux"}


def test_a_machine_is_named_as_its_pod() -> None:
    (name,) = [one for one in daemon()["env"] if one["name"] == f"{PREFIX}MACHINE"]
    assert name["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_secrets_are_referred_to_and_stand_in_the_example() -> None:
    (secret,) = of_kind("Secret")
    asked = {
        (one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"])
        for found in of_kind("StatefulSet")
        for container in found["spec"]["template"]["spec"]["containers"]
        for one in container["env"]
        if "secretKeyRef" in one.get("valueFrom", {})
    }
    assert asked == {(secret["metadata"]["name"], key) for key in secret["stringData"]}


def test_whatever_selects_pods_selects_some() -> None:
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in of_kind("StatefulSet")]
    selectors = [one["spec"]["selector"] for one in of_kind("Service")]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in of_kind("PodDisruptionBudget")]
    selectors += [one["spec"]["podSelector"]["matchLabels"] for one in of_kind("NetworkPolicy")]
    assert all(one in pods for one in selectors)


def test_probes_ask_where_the_daemon_listens() -> None:
    asked = {name: daemon()[name]["exec"]["command"][-1] for name in daemon() if "Probe" in name}
    assert "127.0.0.1:7717/healthz" in asked["livenessProbe"]
    assert "127.0.0.1:7717/readyz" in asked["readinessProbe"]


def test_kustomize_lists_files_that_are_there() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert all((FOLDER / one).is_file() for one in listed)


def test_a_machine_of_its_own_shares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
    assert machine_settings(Settings()) == MachineSettings()


def test_labels_are_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERM_MCP_MACHINE_LABELS", "disk=ssd, zone = a")
    assert machine_settings(Settings()).labels == {"disk": "ssd", "zone": "a"}
