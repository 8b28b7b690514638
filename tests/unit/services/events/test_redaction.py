from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.services.events import planted

if TYPE_CHECKING:
    from iterm_mcp.models.observations import Json

from iterm_mcp.models.events import Event, EventKind
from iterm_mcp.services.events.redaction import redact, redact_event, redact_json

SEED = 2026
EACH = 40


def test_planted_secrets_are_found_and_nothing_else() -> None:
    kept: Counter[str] = Counter()
    total = 0
    for name, secret, text in (*planted.marked(SEED, EACH), *planted.placed(SEED, EACH)):
        total += 1
        kept[name] += secret in redact(text)
    touched = [text for text in planted.PLAIN if redact(text) != text]
    assert (total, +kept, touched) == (1680, {}, [])


@pytest.mark.parametrize("text", planted.PLAIN)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("around", planted.AROUND)
def test_all_but_the_secret_stays(around: str) -> None:
    secret = next(planted.marked(SEED, 1))[1] if around == "{}" else "sk-ant-" + "aB3" * 12
    before, _, after = around.format("\0").partition("\0")
    found = redact(around.format(secret))
    assert found.startswith(before)
    assert found.endswith(after)
    assert found[len(before) : len(found) - len(after)].startswith("[redacted:")


@given(st.text())
def test_redacting_again_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(("name", "secret", "text"), [*planted.marked(1, 2), *planted.placed(1, 2)])
def test_redacting_what_is_redacted_changes_nothing(name: str, secret: str, text: str) -> None:
    once = redact(text)
    assert redact(once) == once, (name, secret)


def test_text_that_is_no_text_is_kept() -> None:
    assert redact("\udcff\udc80 plain") == "\udcff\udc80 plain"
    assert redact("\udcff ghp_" + "a1" * 18) == "\udcff [redacted:github_token]"


def test_structured_data_is_known_by_its_names() -> None:
    given_: Json = {
        "password": "tiny1",
        "nested": [{"Api-Key": "plainword", "token": "abc", "tokens": 5, "note": "a token"}],
        "x-access-token": ["one", "two"],
        "input_tokens": 7,
        "secret": True,
        "authorization": "",
        "cookie": "your-cookie",
    }
    assert redact_json(given_) == {
        "password": "[redacted:value]",
        "nested": [
            {"Api-Key": "[redacted:value]", "token": "[redacted:value]", "tokens": 5,
             "note": "a token"}
        ],
        "x-access-token": ["[redacted:value]", "[redacted:value]"],
        "input_tokens": 7,
        "secret": True,
        "authorization": "",
        "cookie": "your-cookie",
    }  # fmt: skip


def test_a_secret_in_a_name_goes_too() -> None:
    assert redact_json({"ghp_" + "a1" * 18: 1}) == {"[redacted:github_token]": 1}


def test_an_event_has_no_secret_anywhere() -> None:
    secret = "ghp_" + "a1" * 18
    event = Event(
        "key", datetime(2026, 1, 1, tzinfo=UTC), EventKind.TOOL_ENDED, "claude.hook",
        subject=f"Bash {secret}", text=f"echo {secret}",
        payload={"input": {"command": f"echo {secret}"}, "token": secret},
    )  # fmt: skip
    redacted = redact_event(event)
    assert secret not in repr(redacted)
    assert redacted.key == event.key


def test_a_long_hostile_text_ends() -> None:
    text = "-----BEGIN PRIVATE KEY-----" * 2000 + "a:" * 50_000 + "password='" * 10_000
    assert "[redacted:private_key]" in redact(text)
