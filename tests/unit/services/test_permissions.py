"""Roles over a registry: whose agent may do what to whom, from the file, a tool, or built in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.crews import add_crews

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, RefusedError
from iterm_mcp.models.approvals import Approval, ApprovalId, Asks
from iterm_mcp.models.deliveries import Delivery, DeliveryId, Move, Policy, Stage
from iterm_mcp.models.ids import AgentName, SessionId
from iterm_mcp.models.roles import Reach, Role
from iterm_mcp.models.triggers import Act, Trigger, TriggerId
from iterm_mcp.services.permissions.role_file import RoleFile
from iterm_mcp.services.permissions.service import Permissions

if TYPE_CHECKING:
    from pathlib import Path

    from iterm_mcp.store import Store
    from iterm_mcp.testing import FakeClock


class Search:
    """Finds whatever it is asked for."""

    async def find(self, wanted: str) -> SessionId:
        return SessionId(wanted)


@pytest.fixture
async def permissions(store: Store, clock: FakeClock, tmp_path: Path) -> Permissions:
    await add_crews(store, clock, {"boss": "manager", "ben": "worker", "cem": "anything else"})
    file = RoleFile(str(tmp_path / "roles.toml"))
    return Permissions(store, file, Search(), clock)  # type: ignore[arg-type]


async def allows(
    permissions: Permissions, agent: str, tool: str, tier: str = "mutate", /, **arguments: object
) -> bool:
    try:
        await permissions.check(AgentName(agent), tool, tier, arguments)
    except RefusedError as error:
        return not error.hint  # each says what to do
    return True


async def test_a_manager_tells_and_starts_agents_of_its_own_tree_alone(
    permissions: Permissions,
) -> None:
    async def may(tool: str, **arguments: object) -> bool:
        return await allows(permissions, "boss", tool, **arguments)

    assert await may("cascade_message", agents={"ann": "x", "ben": "x"}, teams={"night": "y"})
    assert not await may("cascade_message", agents={"ann": "x", "cem": "x"})
    assert not await may("cascade_message", teams={"other": "x"})
    assert not await may("cascade_message", broadcast="x")
    assert await may("send_text", session_id="session-of-ben")
    assert not await may("send_text", session_id="session-of-cem")
    assert not await may("send_text", session_id="a-persons-own")
    assert await may("register_agent", name="new", session_id="s", teams=["night"], role="worker")
    assert not await may("register_agent", name="new", session_id="s", teams=["other"])
    assert not await may("register_agent", name="new", session_id="s", role="worker")
    assert not await may("register_agent", name="new", session_id="s", teams=["crew"])
    assert not await may("start_agent", name="cem", teams=["crew"], role="worker")
    assert not await may(
        "apply_layout", root={"session_id": "session-of-cem", "name": "taken along"}
    )
    assert await may("create_team", name="x", parent="night")
    assert not await may("create_team", name="x")
    assert not await may("manage_roles", action="list")
    assert await may("open_session", name="x")


async def test_a_manager_may_look_anywhere(permissions: Permissions) -> None:
    assert await allows(permissions, "boss", "read_screen", "read", session_id="session-of-cem")


async def test_a_worker_acts_in_its_own_session_alone(permissions: Permissions) -> None:
    assert await allows(permissions, "ben", "send_text", session_id="session-of-ben")
    assert await allows(permissions, "ben", "manage_notes", action="set", key="k", value="v")
    for arguments in ({"session_id": "session-of-ann"}, {"session_id": "a-persons-own"}):
        assert not await allows(permissions, "ben", "send_text", **arguments)
    assert not await allows(permissions, "ben", "cascade_message", teams={"night": "x"})
    assert await allows(permissions, "ben", "cascade_message", agents={"ben": "x"})


async def test_a_role_that_is_only_words_limits_nobody_but_its_rules_are_not_its_to_make(
    permissions: Permissions,
) -> None:
    for agent in ("cem", "ann"):
        assert await allows(permissions, agent, "close_session", "destructive", session_id="x")
        assert not await allows(permissions, agent, "manage_roles", action="list")


async def test_who_is_no_agent_and_says_so_may_only_look(permissions: Permissions) -> None:
    assert await allows(permissions, "nobody", "read_screen", "read", session_id="x")
    with pytest.raises(RefusedError) as refused:
        await permissions.check(AgentName("nobody"), "send_text", "mutate", {"session_id": "x"})
    assert refused.value.code == "unknown_agent"


async def test_set_roles_are_kept_replaced_and_removed(
    permissions: Permissions, store: Store
) -> None:
    tame = Role("tame", denied=("send_*",), reach=Reach.TREE, paths=("/a",), source="tool")
    await permissions.set_role(tame)
    assert (await permissions.roles())["tame"] == tame
    store.roles._known = None
    assert (await permissions.roles())["tame"] == tame

    await permissions.set_role(Role("manager", tools=("read_*",)))
    assert not await allows(permissions, "boss", "send_text", session_id="session-of-ann")
    await permissions.remove_role("manager")
    assert await allows(permissions, "boss", "send_text", session_id="session-of-ann")

    await permissions.remove_role("tame")
    assert "tame" not in await permissions.roles()
    with pytest.raises(NotFoundError):
        await permissions.remove_role("tame")
    with pytest.raises(ConflictError, match="built in"):
        await permissions.remove_role("manager")


async def test_the_persons_file_wins_and_is_read_again_when_it_changes(
    permissions: Permissions, tmp_path: Path
) -> None:
    file = tmp_path / "roles.toml"
    await permissions.set_role(Role("worker", source="tool"))
    assert await allows(permissions, "ben", "send_text", session_id="session-of-ann")

    file.write_text('[worker]\nreach = "own"\ndescription = "Stays at home."\n')
    assert not await allows(permissions, "ben", "send_text", session_id="session-of-ann")
    assert (await permissions.roles())["worker"].source == "file"
    with pytest.raises(ConflictError, match="file of roles"):
        await permissions.set_role(Role("worker"))
    with pytest.raises(ConflictError, match="file of roles"):
        await permissions.remove_role("worker")

    file.write_text('[worker]\ntools = ["read_*"]\n')
    os.utime(file, (1, 1))
    assert not await allows(permissions, "ben", "manage_notes", action="list")
    file.unlink()
    assert await allows(permissions, "ben", "send_text", session_id="session-of-ann")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[worker", "table declaration"),
        ('worker = "x"', "no table"),
        ("[worker]\ntool = []", "'tool'"),
        ('[worker]\ntools = "all"', "tools"),
        ("[worker]\ntools = [1]", "tools"),
        ("[worker]\ntier = 1", "tier"),
        ('[worker]\nreach = "far"', "reach"),
        ('[worker]\npaths = ["a"]', "absolute"),
        ("#" * 300_000, "bytes"),
    ],
)
async def test_a_file_that_means_nothing_lets_no_agent_pass_and_says_what_to_mend(
    permissions: Permissions, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "roles.toml").write_text(text)

    with pytest.raises(InvalidRequestError, match=says) as refused:
        await permissions.check(AgentName("cem"), "send_text", "mutate", {})

    assert refused.value.code == "bad_role_file"
    assert refused.value.hint


async def test_a_link_leads_nobody_out_of_the_folders_of_its_role(
    permissions: Permissions, tmp_path: Path
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
    (inside / "out").symlink_to(outside)
    (tmp_path / "alias").symlink_to(inside)
    await permissions.set_role(Role("worker", paths=(str(tmp_path / "alias"),)))

    assert await allows(permissions, "ben", "open_session", directory=str(inside))
    assert await allows(permissions, "ben", "open_session", directory=str(tmp_path / "alias"))
    assert not await allows(permissions, "ben", "open_session", directory=str(inside / "out"))
    assert not await allows(permissions, "ben", "open_session", directory=str(outside))


async def test_no_agent_answers_its_own_question_and_a_manager_those_of_its_tree(
    permissions: Permissions, store: Store, clock: FakeClock
) -> None:
    for name in ("boss", "ann", "cem"):
        asked = Approval(
            ApprovalId(f"of-{name}"), AgentName(name), 1, Asks.PERMISSION, "Bash", {}, "", (),
            clock.now(),
        )  # fmt: skip
        await store.approvals.add(asked, forget_before=clock.now())

    assert await allows(permissions, "boss", "answer_approval", approval_id="of-ann")
    assert not await allows(permissions, "boss", "answer_approval", approval_id="of-cem")
    for agent in ("boss", "ann", "cem"):
        own = {"approval_id": f"of-{agent}", "choice": "allow"}
        with pytest.raises(RefusedError) as refused:
            await permissions.check(AgentName(agent), "answer_approval", "mutate", own)
        assert refused.value.code == "own_approval"
    assert await allows(permissions, "ann", "answer_approval", approval_id="gone")


async def test_what_is_named_by_its_id_is_looked_up(
    permissions: Permissions, store: Store, clock: FakeClock
) -> None:
    for name in ("ben", "cem"):
        delivery = Delivery(
            DeliveryId(f"to-{name}"), AgentName(name), SessionId(f"session-of-{name}"), "x",
            Policy.MESSAGE, 0, clock.now(), clock.now(), (Move(Stage.REFUSED, clock.now(), "no"),),
        )  # fmt: skip
        await store.deliveries.accept([delivery])
        await store.triggers.add(
            Trigger(
                TriggerId(f"in-{name}"), SessionId(f"session-of-{name}"), "x", Act.NOTIFY, "", "",
                enter=True, ignore_case=False, per_minute=1,
            )
        )  # fmt: skip

    async def may(tool: str, **arguments: object) -> bool:
        return await allows(permissions, "boss", tool, **arguments)

    assert await may("manage_messages", action="retry", delivery_ids=["to-ben"])
    assert not await may("manage_messages", action="retry", delivery_ids=["to-ben", "to-cem"])
    assert not await may("manage_messages", action="purge")
    assert await may("manage_messages", action="purge", agent="ben")
    assert await may("manage_messages", action="list")
    assert await may("manage_triggers", action="remove", trigger_id="in-ben")
    assert not await may("manage_triggers", action="remove", trigger_id="in-cem")
    assert await may("manage_triggers", action="list")


async def test_ways_around_by_other_arguments_are_seen(permissions: Permissions) -> None:
    async def may(tool: str, **arguments: object) -> bool:
        return await allows(permissions, "boss", tool, **arguments)

    assert not await may("send_text", session_id="session-of-ann", also=["session-of-cem"])
    assert not await may("apply_layout", saved="whatever")
    assert not await may("apply_layout", tab_id="of-others")
    assert not await may("manage_agent", action="restart", name="cem")
    assert await may("manage_agent", action="restart", name="ann")
    assert not await may(
        "start_agent", kind="claude", teams=["crew"], role="worker", beside="session-of-cem"
    )
    assert await allows(permissions, "ben", "share_result", name="x", text="y", team="night")
