"""The document and its page: whole, the same as what is committed, and from nowhere else."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

from tests.unit.web.api.opened import error_of

if TYPE_CHECKING:
    from tests.unit.web.api.opened import Side


async def test_the_document_names_every_path_and_every_reference_is_there(still: Side) -> None:
    answer = await still.ask("GET", "/v1/openapi.json", token=None)
    document = answer.json()
    assert document["openapi"].startswith("3.1")
    documented = {f"/v1{path}" for path in document["paths"]}
    served = {
        one.replace(":path}", "}") for one in (await still.api.application.made()).state.paths
    }
    assert documented == served - {"/v1/openapi.json", "/v1/docs", "/v1/docs/{name}"}
    names = set(document["components"]["schemas"])
    text = answer.body.decode()
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= names
    assert "#/$defs/" not in text


async def test_each_operation_has_a_name_of_its_own_and_tells_of_errors(still: Side) -> None:
    document = (await still.ask("GET", "/v1/openapi.json", token=None)).json()
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids)
    assert all("default" in one["responses"] for one in operations)


async def test_the_page_needs_nothing_from_elsewhere(still: Side) -> None:
    page = await still.ask("GET", "/v1/docs", token=None)
    assert page.status == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.body.decode()):
        plain = await still.ask("GET", path, token=None)
        packed = await still.ask("GET", path, None, ("accept-encoding", "gzip"), token=None)
        assert (plain.status, packed.status) == (200, 200)
        if "content-encoding" in packed.headers:
            assert gzip.decompress(packed.body) == plain.body
    assert error_of(await still.ask("GET", "/v1/docs/README.md", token=None)) == (404, "not_found")


async def test_errors_of_the_interface_have_the_one_shape(still: Side) -> None:
    assert error_of(await still.get("/v1/nowhere")) == (404, "not_found")
    wrong = await still.ask("PUT", "/v1/sessions", {})
    assert error_of(wrong) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST"
    assert (await still.get("/health")).json() == {"status": "ok"}
    assert error_of(await still.ask("GET", "/health", token=None))[0] == 401
