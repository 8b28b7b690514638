"""Profiles over the wire: sessions' own, the shared ones, and those of the user's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from iterm2 import api_pb2
from tests.integration.homes import mode_of
from tests.waiting import eventually

from iterm_mcp.host.profiles import DEFAULT, DEFAULT_GUID

if TYPE_CHECKING:
    from tests.integration.homes import Home
    from tests.integration.host.wire_client import WireClient

Get = api_pb2.GetProfilePropertyRequest
Set = api_pb2.SetProfilePropertyRequest
List = api_pb2.ListProfilesRequest
Status = api_pb2.SetProfilePropertyResponse.Status

WORK = {"Guid": "WORK", "Name": "Work", "Columns": 70, "Badge Text": "work"}


def write_profiles(home: Home, *profiles: dict[str, Any], name: str = "mine.json") -> Path:
    file = Path(home.paths.profiles, name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"Profiles": profiles}))
    return file


def edits_of(home: Home) -> Path:
    return Path(home.paths.profile_edits)


def log_of(home: Home) -> str:
    return "".join(one.read_text() for one in Path(home.paths.logs).glob("host*"))


def properties(values: dict[str, Any]) -> list[api_pb2.ProfileProperty]:
    return [
        api_pb2.ProfileProperty(key=key, json_value=json.dumps(one)) for key, one in values.items()
    ]


def read(found: Any) -> dict[str, Any]:  # noqa: ANN401
    return {one.key: json.loads(one.json_value) for one in found}


async def profile_of(wire: WireClient, session_id: str, *keys: str) -> dict[str, Any]:
    response = await wire.ask(Get(session=session_id, keys=keys))
    assert response.status == response.OK
    return read(response.properties)


async def shared(wire: WireClient, *keys: str, guids: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    response = await wire.ask(List(properties=keys, guids=guids))
    return [read(one.properties) for one in response.profiles]


async def change(wire: WireClient, target: str | list[str], **values: Any) -> str:  # noqa: ANN401
    """Change a session's profile, or shared ones by their GUIDs; underscores stand for blanks."""
    request = Set(
        assignments=[
            Set.Assignment(key=key.replace("_", " "), json_value=json.dumps(one))
            for key, one in values.items()
        ]
    )
    if isinstance(target, str):
        request.session = target
    else:
        request.guid_list.guids.extend(target)
        request.guid_list.SetInParent()
    return str(Status.Name((await wire.ask(request)).status))


async def open_with(wire: WireClient, name: str = "", **values: Any) -> str:  # noqa: ANN401
    """Open a window with a profile, changed or not; return its session's id."""
    request = api_pb2.CreateTabRequest(
        profile_name=name, custom_profile_properties=properties(values)
    )
    response = await wire.ask(request)
    assert response.status == response.OK
    return str(response.session_id)


async def subscribe(wire: WireClient, guid: str, *, on: bool = True) -> str:
    response = await wire.ask(
        api_pb2.NotificationRequest(
            session="all",
            subscribe=on,
            notification_type=api_pb2.NOTIFY_ON_PROFILE_CHANGE,
            profile_change_request=api_pb2.ProfileChangeRequest(guid=guid),
        )
    )
    return str(api_pb2.NotificationResponse.Status.Name(response.status))


# A session's own profile.


@pytest.mark.answers("set_profile_property_request", "OK", source="2.9")
@pytest.mark.answers("get_profile_property_request", "OK", source="2.9")
async def test_a_session_shares_the_default_profile_until_its_own_copy_is_changed(
    wire: WireClient,
) -> None:
    session = await open_with(wire)
    assert await profile_of(wire, session) == DEFAULT
    assert await change(wire, session, Badge_Text="own", Rows=None) == "OK"
    own = await profile_of(wire, session)
    assert (own["Badge Text"], own["Original Guid"]) == ("own", DEFAULT_GUID)
    assert "Rows" not in own
    assert own["Guid"] != DEFAULT_GUID
    assert await shared(wire) == [DEFAULT]
    assert await change(wire, session, Guid=DEFAULT_GUID, Badge_Text="again") == "OK"
    again = await profile_of(wire, session)
    assert (again["Badge Text"], again["Rows"]) == ("again", 25)
    assert await change(wire, session, Guid=DEFAULT_GUID) == "OK"
    assert await profile_of(wire, session) == DEFAULT


async def test_a_session_that_was_opened_with_changes_has_a_copy_of_its_own(
    wire: WireClient,
) -> None:
    opened = await wire.open_window("/bin/cat", Rows="20")
    found = await profile_of(wire, opened.session_id, "Rows", "Original Guid", "No Such Key")
    assert found == {"Rows": 20, "Original Guid": DEFAULT_GUID}


async def test_a_session_can_have_a_profile_that_nobody_else_has(wire: WireClient) -> None:
    one, other = await open_with(wire), await open_with(wire, Rows=20)
    whole = await profile_of(wire, other)
    request = Set(session=one)
    for key, value in whole.items():
        request.assignments.add(key=key, json_value=json.dumps(value))
    assert (await wire.ask(request)).status == Status.OK
    assert await profile_of(wire, one) == whole
    assert await shared(wire) == [DEFAULT]


async def test_naming_a_session_gives_it_a_copy_of_its_own(wire: WireClient) -> None:
    session = await open_with(wire)
    request = api_pb2.InvokeFunctionRequest(
        invocation='iterm2.set_name(name: "mine")',
        method=api_pb2.InvokeFunctionRequest.Method(receiver=session),
    )
    assert (await wire.ask(request)).HasField("success")
    found = await profile_of(wire, session, "Name", "Original Guid")
    assert found == {"Name": "mine", "Original Guid": DEFAULT_GUID}
    assert await shared(wire, "Name") == [{"Name": "Default"}]


@pytest.mark.answers("set_profile_property_request", "OK", source="2.9")
async def test_the_older_way_to_set_one_property_works_too(wire: WireClient) -> None:
    opened = await wire.open_window()
    request = Set(session=opened.session_id, key="Badge Text", json_value='"old"')
    assert (await wire.ask(request)).status == Status.OK
    assert await profile_of(wire, opened.session_id, "Badge Text") == {"Badge Text": "old"}


@pytest.mark.answers(
    "set_profile_property_request",
    "SESSION_NOT_FOUND",
    "REQUEST_MALFORMED",
    "BAD_GUID",
    source="2.9",
)
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (Set(session="none"), "SESSION_NOT_FOUND"),
        (Set(), "REQUEST_MALFORMED"),
        (Set(session="active", key="Rows", json_value="{"), "REQUEST_MALFORMED"),
        (Set(session="active", key="Rows", json_value='"9"'), "REQUEST_MALFORMED"),
        (Set(session="active", key="Name", json_value="null"), "REQUEST_MALFORMED"),
        (Set(session="active", key="Tab Color", json_value="1"), "REQUEST_MALFORMED"),
        (Set(session="active", key="Guid", json_value="7"), "REQUEST_MALFORMED"),
        (Set(session="active", key="Guid", json_value="null"), "REQUEST_MALFORMED"),
        (Set(guid_list=Set.GuidList(guids=["none"])), "BAD_GUID"),
        (Set(guid_list=Set.GuidList(guids=[DEFAULT_GUID, "none"])), "BAD_GUID"),
        (Set(guid_list=Set.GuidList(guids=[DEFAULT_GUID]), key="Rows", json_value='"9"'),
         "REQUEST_MALFORMED"),
        (Set(guid_list=Set.GuidList(guids=[DEFAULT_GUID]), key="Guid", json_value='"x"'),
         "REQUEST_MALFORMED"),
    ],
)  # fmt: skip
async def test_what_cannot_be_set_changes_nothing(
    wire: WireClient, asked: api_pb2.SetProfilePropertyRequest, status: str
) -> None:
    opened = await wire.open_window()
    before = await profile_of(wire, opened.session_id)
    asked.assignments.add(key="Badge Text", json_value='"lost"')
    assert Status.Name((await wire.ask(asked)).status) == status
    assert await profile_of(wire, opened.session_id) == before
    assert await shared(wire) == [DEFAULT]


@pytest.mark.answers("get_profile_property_request", "SESSION_NOT_FOUND", source="2.9")
async def test_no_session_no_properties(wire: WireClient) -> None:
    response = await wire.ask(Get(session="none"))
    assert response.status == response.SESSION_NOT_FOUND


# The user's files.


@pytest.mark.answers("list_profiles_request", source="2.9")
async def test_profiles_are_read_from_files_whenever_they_change(
    own_wire: WireClient, own_home: Home
) -> None:
    child = {"Guid": "CHILD", "Name": "Child", "Dynamic Profile Parent Name": "Work", "Rows": 9}
    file = write_profiles(own_home, WORK, child)
    keys = ("Guid", "Columns", "Rows")
    assert await shared(own_wire, *keys) == [
        {"Guid": DEFAULT_GUID, "Columns": 80, "Rows": 25},
        {"Guid": "WORK", "Columns": 70, "Rows": 25},
        {"Guid": "CHILD", "Columns": 70, "Rows": 9},
    ]
    write_profiles(own_home, WORK | {"Columns": 60}, name="mine.json")
    assert await shared(own_wire, *keys, guids=("WORK", "CHILD")) == [
        {"Guid": "WORK", "Columns": 60, "Rows": 25}
    ]
    file.unlink()
    assert await shared(own_wire) == [DEFAULT]


async def test_a_bad_file_is_skipped_and_reported(own_wire: WireClient, own_home: Home) -> None:
    write_profiles(own_home, WORK)
    bad = write_profiles(own_home, {"Guid": "x"}, name="bad.json").with_name("worse.json")
    bad.write_text("{")
    assert [one["Name"] for one in await shared(own_wire, "Name")] == ["Default", "Work"]
    assert "bad.json: a profile has no Name" in log_of(own_home)
    assert "worse.json" in log_of(own_home)


@pytest.mark.answers("create_tab_request", "OK", "INVALID_PROFILE_NAME", source="2.5")
@pytest.mark.answers("split_pane_request", "OK", "INVALID_PROFILE_NAME", source="2.6")
async def test_sessions_start_from_a_profile_by_its_name(
    own_wire: WireClient, own_home: Home
) -> None:
    write_profiles(own_home, WORK | {"Custom Command": "Yes", "Command": "/bin/cat"})
    session = await open_with(own_wire, "Work")
    assert await profile_of(own_wire, session, "Guid", "Columns") == {"Guid": "WORK", "Columns": 70}
    response = await own_wire.ask(api_pb2.SplitPaneRequest(session=session, profile_name="Work"))
    assert await profile_of(own_wire, response.session_id[0], "Guid") == {"Guid": "WORK"}
    variables = api_pb2.VariableRequest(session_id=session, get=["profileName", "badge"])
    assert list((await own_wire.ask(variables)).values) == ['"Work"', '"work"']
    for request in (
        api_pb2.CreateTabRequest(profile_name="Other"),
        api_pb2.SplitPaneRequest(session=session, profile_name="Other"),
    ):
        refused = await own_wire.ask(request)
        assert refused.status == refused.INVALID_PROFILE_NAME


# Shared profiles.


async def test_a_shared_change_reaches_the_sessions_that_share_it_and_outlives_the_host(
    own_wire: WireClient, own_home: Home
) -> None:
    file = write_profiles(own_home, WORK)
    before = file.read_text()
    sharing = await open_with(own_wire, "Work")
    divorced = await open_with(own_wire, "Work", Rows=20)
    assert await change(own_wire, ["WORK", DEFAULT_GUID], Badge_Text="new", Name="Both") == "OK"
    assert (await profile_of(own_wire, sharing))["Badge Text"] == "new"
    assert (await profile_of(own_wire, divorced))["Badge Text"] == "work"
    variables = api_pb2.VariableRequest(session_id=sharing, get=["autoName", "badge"])
    assert list((await own_wire.ask(variables)).values) == ['"Both"', '"new"']
    assert file.read_text() == before
    assert mode_of(own_home.paths.profile_edits) == 0o600
    kept = json.loads(edits_of(own_home).read_text())
    assert kept == {guid: {"Badge Text": "new", "Name": "Both"} for guid in ("WORK", DEFAULT_GUID)}
    write_profiles(own_home, WORK | {"Columns": 71})
    assert await shared(own_wire, "Name", "Columns", guids=("WORK",)) == [
        {"Name": "Both", "Columns": 71}
    ]


async def test_when_a_change_cannot_be_written_the_request_says_so_and_nothing_changes(
    own_wire: WireClient, own_home: Home
) -> None:
    edits_of(own_home).symlink_to("/proc/self/edits.json")
    request = Set(guid_list=Set.GuidList(guids=[DEFAULT_GUID]), key="Rows", json_value="9")
    answer = await own_wire.whole_answer(await own_wire.send(request))
    assert answer.error.startswith("could not write profile-edits.json")
    assert await shared(own_wire) == [DEFAULT]


@pytest.mark.notifies("NOTIFY_ON_PROFILE_CHANGE", source="3.12")
@pytest.mark.behaves("watching", source="D")
async def test_who_watches_a_profile_is_told_of_its_changes(
    own_wire: WireClient, own_home: Home
) -> None:
    write_profiles(own_home, WORK)
    await shared(own_wire)
    assert await subscribe(own_wire, "WORK") == "OK"
    assert await subscribe(own_wire, "WORK") == "ALREADY_SUBSCRIBED"
    await change(own_wire, [DEFAULT_GUID], Own_Key="also inherited")
    told = await own_wire.notified(lambda _: True, "profile_changed_notification")
    assert told.guid == "WORK"
    write_profiles(own_home, WORK | {"Columns": 50})
    await shared(own_wire)
    await own_wire.notified(lambda event: event.guid == "WORK", "profile_changed_notification")
    session = await open_with(own_wire, "Work")
    await change(own_wire, session, Badge_Text="own")
    await change(own_wire, ["WORK"], Columns=50)  # as it was
    assert own_wire.seen("profile_changed_notification") == []
    assert await subscribe(own_wire, "OTHER", on=False) == "NOT_SUBSCRIBED"
    assert await subscribe(own_wire, "WORK", on=False) == "OK"
    await change(own_wire, ["WORK"], Columns=51)
    assert own_wire.seen("profile_changed_notification") == []


@pytest.mark.answers("notification_request", "OK", "NOT_SUBSCRIBED", source="3.12")
@pytest.mark.behaves("watching", source="D")
async def test_who_stops_as_the_library_does_stops_watching_that_profile_alone(
    own_wire: WireClient,
) -> None:
    for guid in ("WORK", DEFAULT_GUID):
        await subscribe(own_wire, guid)
    stop = api_pb2.NotificationRequest(
        session="WORK", subscribe=False, notification_type=api_pb2.NOTIFY_ON_PROFILE_CHANGE
    )
    answers = [(await own_wire.ask(stop)).status for _ in range(2)]
    names = [api_pb2.NotificationResponse.Status.Name(one) for one in answers]
    assert names == ["OK", "NOT_SUBSCRIBED"]
    assert await subscribe(own_wire, DEFAULT_GUID, on=False) == "OK"


@pytest.mark.notifies("NOTIFY_ON_PROFILE_CHANGE", source="3.12")
async def test_all_profiles_can_be_watched(
    own_wire: WireClient,
) -> None:
    assert await subscribe(own_wire, "") == "OK"
    assert await subscribe(own_wire, DEFAULT_GUID) == "OK"
    await change(own_wire, [DEFAULT_GUID], Rows=30)
    told = await eventually(lambda: own_wire.seen("profile_changed_notification"))
    assert [one.guid for one in told] == [DEFAULT_GUID]
    assert await subscribe(own_wire, "", on=False) == "OK"
    assert await subscribe(own_wire, DEFAULT_GUID, on=False) == "NOT_SUBSCRIBED"
