"""The page about the host has no blank, and goes red when a mark says what is not so."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from iterm2 import api_pb2
from scripts import generate
from scripts.host_page import Page
from scripts.host_page.examples import (
    CANNOT,
    WANTED,
    Example,
    collect_examples,
    read_examples,
    render_examples,
)
from scripts.host_page.marks import Mark, PageError, collect, read_marks
from scripts.host_page.outcomes import NOTIFICATIONS, REQUESTS, possible, shown
from scripts.host_page.sections import NOTIFICATION_SECTIONS, REQUEST_SECTIONS, SECTIONS
from tests.integration.host.shown import unproven

if TYPE_CHECKING:
    from google.protobuf.message import Message

ROOT = Path(__file__).resolve().parents[3]
TEST = "tests/integration/host/test_it.py"
GOOD = '@pytest.mark.answers("close_request", "OK", source="2.11")'


@cache
def marks() -> tuple[Mark, ...]:
    return tuple(collect(ROOT))


def claiming(*names: str, source: str = "2.5", kind: str = "answers") -> Mark:
    return Mark(kind, names, source, "test_it", TEST)


def test_no_cell_of_the_page_is_blank() -> None:
    parts = Page(marks()).parts()
    assert set(parts) == {"sections", "requests", "notifications", "behaviours"}
    for text in parts.values():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert all(all(cell.strip() for cell in row[1:-1].split("|")) for row in rows)
    for request in REQUESTS:
        assert f"### `{request}`" in parts["requests"]


def test_all_that_is_linked_is_there() -> None:
    for text in Page(marks()).parts().values():
        assert all((ROOT / "docs" / one).exists() for one in re.findall(r"\]\(([^)]+)\)", text))


def test_each_request_and_notification_has_its_section() -> None:
    assert set(REQUEST_SECTIONS) == set(REQUESTS)
    assert set(NOTIFICATION_SECTIONS) == set(NOTIFICATIONS)
    assert {*REQUEST_SECTIONS.values(), *NOTIFICATION_SECTIONS.values()} <= set(SECTIONS)
    assert set(NOTIFICATIONS) == set(api_pb2.NotificationType.keys())
    fields = {one.name for one in api_pb2.Notification.DESCRIPTOR.fields}
    assert {one for one in NOTIFICATIONS.values() if one} == fields


@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        ("create_tab_request", "INVALID_TAB_INDEX"),
        ("list_sessions_request", "answer"),
        ("", "NOTIFY_ON_PROMPT"),
        ("7.1", "aid="),
    ],
)
def test_what_no_test_shows_any_more_is_named(request_: str, outcome: str) -> None:
    def says_it(mark: Mark) -> bool:
        first = {"answers": mark.names[0], "notifies": "", "behaves": mark.source}[mark.kind]
        said = mark.names[1:] if mark.kind == "answers" else mark.names
        return first == request_ and outcome in (said or ("answer",))

    left = [one for one in marks() if not says_it(one)]
    assert len(left) < len(marks())
    with pytest.raises(PageError, match=f"no test shows {f'{request_} {outcome}'.strip()}"):
        Page(left)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (claiming("create_tab_request", "GONE"), "unknown: create_tab_request GONE"),
        (claiming("make_tea_request", "OK"), "unknown: make_tea_request OK"),
        (claiming("create_tab_request"), "unknown: create_tab_request answer"),
        (claiming("create_tab_request", "OK", source="99"), "does not exist: 99"),
        (claiming("NOTIFY_ON_TEA", kind="notifies"), "unknown: NOTIFY_ON_TEA"),
        (claiming("Tea", source="7.2", kind="behaves"), r"unknown: 7\.2 Tea"),
        (claiming("A", source="7.2", kind="behaves"), r"unknown: 7\.2 A"),
        (claiming(kind="behaves"), "names nothing"),
        (claiming(kind="answers"), "names nothing"),
        (claiming("close_request", "USER_DECLINED"), "USER_DECLINED is called absent, but test_it"),
    ],
)
def test_a_mark_that_says_what_cannot_be_is_named(mark: Mark, said: str) -> None:
    with pytest.raises(PageError, match=said):
        Page([*marks(), mark])


def test_a_reason_for_what_nobody_knows_is_named() -> None:
    with pytest.raises(PageError, match=r"a reason is given for something unknown: 7\.2 Tea"):
        Page(marks(), {("7.2", "Tea"): "not yet"})


def test_each_example_of_the_manual_is_run_or_cannot_be() -> None:
    found = collect_examples(ROOT)
    table = render_examples(found)
    rows = table.splitlines()[2:]
    assert len(rows) == len(WANTED) + len(CANNOT)
    assert not set(WANTED) & set(CANNOT)
    for one in found:
        assert (ROOT / one.path).exists()
    fewer = [one for one in found if "runcommand" not in one.names]
    with pytest.raises(PageError, match="no test runs the example runcommand"):
        render_examples(fewer)
    with pytest.raises(PageError, match="there is no example tea"):
        render_examples([*found, Example(("tea",), "Tea.", TEST)])


def test_an_example_says_which_it_is() -> None:
    text = 'async def make():\n    """API examples: one, two-b. It\n    makes.\n\n    More."""\n'
    assert read_examples(f"{text}SCRIPTS = [make]", "x.py") == [
        Example(("one", "two-b"), "It makes.", "x.py")
    ]
    assert read_examples(f"{text}SCRIPTS = []", "x.py") == []
    with pytest.raises(PageError, match=r"x\.py: make does not say which example it is"):
        read_examples("async def make(): ...\nSCRIPTS = [make]", "x.py")


def test_marks_are_read_with_their_test_and_its_file() -> None:
    text = f"{GOOD}\n@pytest.mark.slow\nasync def test_a_door_closes(): ..."
    (found,) = read_marks(text, TEST)
    assert found == Mark("answers", ("close_request", "OK"), "2.11", "test_a_door_closes", TEST)
    assert found.sentence == "a door closes"


@pytest.mark.parametrize("listed", ["SCRIPTS = [closes]", "SCRIPTS: list[Any] = [closes]"])
def test_a_script_that_is_listed_may_be_marked(listed: str) -> None:
    path = "tests/integration/host/door_scripts.py"
    (found,) = read_marks(f"{GOOD}\nasync def closes(): ...\n{listed}", path)
    assert found.sentence == "script: closes"


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (f"{GOOD}\ndef helper(): ...", TEST, "stands on no test that is run"),
        (f"{GOOD}\ndef test_it(): ...", "tests/integration/host/wire.py", "no test that is run"),
        (f"{GOOD}\ndef closes(): ...\nSCRIPTS = []", "tests/door_scripts.py", "no test that is"),
        (f"class Test:\n    {GOOD}\n    def test_it(self): ...", TEST, "stands on no function"),
        (f"pytestmark = {GOOD[1:]}", TEST, "stands on no function"),
        (f"{GOOD[:-15]})\ndef test_it(): ...", TEST, "needs source="),
        ("@pytest.mark.answers\ndef test_it(): ...", TEST, "needs source="),
        (f"{GOOD.replace('source', 'where')}\ndef test_it(): ...", TEST, "needs source="),
        (
            f"{GOOD.replace(chr(34) + 'OK' + chr(34), 'OK')}\ndef test_it(): ...",
            TEST,
            "plain words",
        ),
        (f"{GOOD.replace(chr(34) + '2.11' + chr(34), '2.11')}\ndef test_it(): ...", TEST, "plain"),
    ],
)
def test_a_mark_that_stands_wrong_is_named(text: str, path: str, said: str) -> None:
    with pytest.raises(PageError, match=said):
        list(read_marks(text, path))


def test_other_marks_and_calls_are_not_ours() -> None:
    text = "@pytest.mark.parametrize('x', [mark.answers(1)])\ndef helper(): form.answers('x')"
    assert list(read_marks(text, TEST)) == []


SetStatus = api_pb2.PreferencesResponse.Result.SetPreferenceResult
Close = api_pb2.CloseResponse
PREFERENCES = api_pb2.PreferencesResponse()
PREFERENCES.results.add().set_preference_result.status = SetStatus.BAD_JSON
PREFERENCES.results.add().get_preference_result.json_value = "1"
PREFERENCES.results.add().unrecognized_request.SetInParent()
PREFERENCES.results.add()
INVOKED = api_pb2.InvokeFunctionResponse()
INVOKED.success.json_result = "null"
FAILED = api_pb2.InvokeFunctionResponse()
FAILED.error.status = api_pb2.InvokeFunctionResponse.FAILED


@pytest.mark.parametrize(
    ("response", "outcomes"),
    [
        (
            api_pb2.CreateTabResponse(status=api_pb2.CreateTabResponse.INVALID_TAB_INDEX),
            {"INVALID_TAB_INDEX"},
        ),
        (api_pb2.CreateTabResponse(), {"OK"}),
        (Close(statuses=[Close.OK, Close.NOT_FOUND]), {"OK", "NOT_FOUND"}),
        (api_pb2.TmuxResponse(list_connections=api_pb2.TmuxResponse.ListConnections()), {"OK"}),
        (api_pb2.FocusResponse(), {"answer"}),
        (INVOKED, {"success"}),
        (FAILED, {"FAILED"}),
        (
            PREFERENCES,
            {
                "set_preference_result.BAD_JSON",
                "get_preference_result",
                "unrecognized_request",
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_shows_its_outcomes(response: Message, outcomes: set[str]) -> None:
    (field,) = (
        one
        for one in api_pb2.ServerOriginatedMessage.DESCRIPTOR.fields
        if one.message_type is not None
        and one.message_type.full_name == response.DESCRIPTOR.full_name
    )
    message = api_pb2.ServerOriginatedMessage()
    getattr(message, field.name).CopyFrom(response)
    getattr(message, field.name).SetInParent()
    request = field.name.replace("_response", "_request")
    assert shown(message) == {(request, one) for one in outcomes}
    assert outcomes <= set(possible(request))


@pytest.mark.parametrize(
    "message",
    [
        api_pb2.ServerOriginatedMessage(),
        api_pb2.ServerOriginatedMessage(error="no"),
        api_pb2.ServerOriginatedMessage(notification=api_pb2.Notification()),
    ],
    ids=["nothing", "error", "notification"],
)
def test_what_is_no_answer_shows_none(message: api_pb2.ServerOriginatedMessage) -> None:
    assert shown(message) == set()


MARK = pytest.mark  # by another name, since these stand on no test
ANSWERS = MARK.answers("close_request", "OK", "NOT_FOUND", source="2.11").mark
LISTS = MARK.answers("list_sessions_request", source="2.1").mark
TOLD = MARK.notifies("NOTIFY_ON_PROMPT", "KEYSTROKE_FILTER", source="3.7").mark
OK, MISSING = ("close_request", "OK"), ("close_request", "NOT_FOUND")


@pytest.mark.parametrize(
    ("mark", "given", "seen", "missed"),
    [
        (ANSWERS, {}, {OK, MISSING}, []),
        (ANSWERS, {}, {OK}, [MISSING]),
        (ANSWERS, {"x": 1}, {OK}, []),
        (ANSWERS, {"x": 1}, {("send_text_request", "OK")}, [OK, MISSING]),
        (ANSWERS, {"status": "NOT_FOUND"}, {OK}, [MISSING]),
        (ANSWERS, {"status": "NOT_FOUND"}, {MISSING}, []),
        (LISTS, {}, set(), [("list_sessions_request", "answer")]),
        (LISTS, {}, {("list_sessions_request", "answer")}, []),
        (TOLD, {}, set(), [("", "prompt_notification")]),
        (TOLD, {}, {("", "prompt_notification")}, []),
        (MARK.headless.mark, {}, set(), []),
        (MARK.behaves("A", source="7.1").mark, {"x": 1}, set(), []),
    ],
)
def test_a_test_is_held_to_its_marks(
    mark: pytest.Mark,
    given: dict[str, object],
    seen: set[tuple[str, str]],
    missed: list[tuple[str, str]],
) -> None:
    assert unproven([mark], given, seen) == missed


def test_a_page_with_a_blank_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests").mkdir()
    for name in ("README.md", "docs/host.md"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    (tmp_path / "tests" / "test_it.py").write_text(f"import pytest\n{GOOD}\ndef test_it(): ...")
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    assert generate.main() == 1
    said = capsys.readouterr().out
    assert "no test shows close_request NOT_FOUND" in said
    assert "no test shows close_request OK" not in said
