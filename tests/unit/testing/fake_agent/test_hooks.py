from __future__ import annotations

import pytest

from iterm_mcp.testing.fake_agent.hooks import Verdict, load_settings, read_settings
from iterm_mcp.testing.fake_agent.posting import PostError, read_answer


def test_hooks_are_found_by_event_and_matcher() -> None:
    found = read_settings(
        {"hooks": {"PreToolUse": [{"matcher": "Bash|Edit", "hooks": [{"command": "x"}]}]}}
    )
    (hook,) = found["pretooluse"]

    assert hook.wants("Edit")
    assert not hook.wants("EditMore")


def test_settings_may_be_given_as_json_and_missing_files_have_none() -> None:
    found = load_settings(['{"hooks": {"Stop": [{"hooks": [{"url": "http://x/"}]}]}}', "/no/file"])

    assert found["stop"][0].url == "http://x/"


def test_headers_have_the_values_of_variables_that_were_asked_for() -> None:
    headers = {"A": "Bearer $ONE", "B": "${TWO}-$THREE", "C": "$ONE$one"}
    one = {"url": "http://x/", "headers": headers, "allowedEnvVars": ["ONE", "TWO"]}
    (hook,) = read_settings({"hooks": {"Stop": [{"hooks": [one]}]}})["stop"]

    filled = hook.filled({"ONE": "1", "THREE": "3"})

    assert filled == {"A": "Bearer 1", "B": "-", "C": "1$one"}


def test_a_refusal_wins_over_an_approval() -> None:
    verdict = Verdict()
    for behavior in ("allow", "deny", "allow"):
        decision = {"behavior": behavior, "message": f"because {behavior}"}
        verdict.join({"hookSpecificOutput": {"decision": decision}})

    assert verdict.permission == "deny"
    assert verdict.reason == "because deny"


def test_a_block_and_additional_context_are_kept() -> None:
    verdict = Verdict()
    verdict.join({"decision": "block", "reason": "not yet"})
    verdict.join({"hookSpecificOutput": {"additionalContext": "know this"}})
    verdict.join({})

    assert (verdict.blocked, verdict.reason, verdict.context) == (True, "not yet", ["know this"])


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (
            CHUNKED + b'3\r\n{"a\r\n3\r\n":1\r\n0\r\n\r\n',
            '{"a":1',
        ),
    ],
)
def test_an_http_answer_is_read(answer: bytes, body: str) -> None:
    assert read_answer(answer) == body


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 500 Oh\r\n\r\n", b"hello\r\n\r\n"])
def test_an_answer_that_is_no_success_is_an_error(answer: bytes) -> None:
    with pytest.raises(PostError):
        read_answer(answer)
