"""Which functions clients may offer, and which one an invocation means."""

from __future__ import annotations

import pytest

from iterm_mcp.host import registrations, wire
from iterm_mcp.host.invocations import Path
from iterm_mcp.host.registrations import MalformedError, Registrations, Status

Request = wire.RPCRegistrationRequest


def offer(name: str, *arguments: str, role: str = "GENERIC", **defaults: str) -> Request:
    return Request(
        name=name,
        arguments=[Request.RPCArgumentSignature(name=one) for one in arguments],
        defaults=[Request.RPCArgument(name=one, path=path) for one, path in defaults.items()],
        role=Request.Role.Value(role),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        offer(""),
        offer("a.b"),
        offer("f", "a b"),
        offer("f", ""),
        offer("f", "a", "a"),
        offer("f\n"),
        offer("title", role="SESSION_TITLE"),
    ],
)
def test_a_name_that_is_none_is_malformed(wrong: Request) -> None:
    with pytest.raises(MalformedError):
        registrations.read(wrong)
    table: Registrations[str] = Registrations()
    assert table.add("me", wrong) == Status.REQUEST_MALFORMED
    assert table.remove("me", wrong) == Status.REQUEST_MALFORMED


def test_a_role_puts_its_namespace_before_the_name() -> None:
    title = offer("f", "b", "a", role="SESSION_TITLE")
    title.session_title_attributes.unique_identifier = "com.my-title"
    bar = offer("f", role="STATUS_BAR_COMPONENT")
    bar.status_bar_component_attributes.unique_identifier = "bar"
    menu = offer("f", role="CONTEXT_MENU")
    menu.context_menu_attributes.unique_identifier = "menu"
    assert [registrations.read(one).signature for one in (title, bar, menu, offer("f"))] == [
        "title.com.my_title.f(a,b)",
        "statusbar.bar.f()",
        "contextMenu.menu.f()",
        "f()",
    ]
    assert registrations.read(title).name == "f"


def test_a_default_may_be_null_when_it_says_so() -> None:
    read = registrations.read(offer("f", "a", "b", a="session.id", b="user.x?"))
    assert read.defaults == {
        "a": Path("session.id", optional=False),
        "b": Path("user.x", optional=True),
    }


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(0.0, 5.0), (-1.0, 5.0), (float("nan"), 5.0), (0.5, 0.5), (float("inf"), 3600.0)],
)
def test_no_function_may_take_for_ever(asked: float, seconds: float) -> None:
    request = offer("f")
    request.timeout = asked
    assert registrations.read(request).timeout_seconds == seconds


def test_one_identity_has_one_owner_who_alone_can_take_it_back() -> None:
    table: Registrations[object] = Registrations()
    me, other = object(), object()
    assert table.add(me, offer("f", "a", "b")) == Status.OK
    assert table.add(me, offer("f", "b", "a")) == Status.DUPLICATE_SERVER_ORIGINATED_RPC
    assert table.add(other, offer("f", "a", "b")) == Status.DUPLICATE_SERVER_ORIGINATED_RPC
    assert table.add(other, offer("f", "a")) == Status.OK
    assert table.remove(other, offer("f", "a", "b")) == Status.NOT_SUBSCRIBED
    assert table.remove(me, offer("g")) == Status.NOT_SUBSCRIBED
    assert table.remove(me, offer("f", "b", "a")) == Status.OK
    assert table.add(other, offer("f", "a", "b")) == Status.OK


def test_who_leaves_takes_all_of_theirs_along() -> None:
    table: Registrations[str] = Registrations()
    table.add("me", offer("f"))
    table.add("you", offer("g"))
    table.remove_all("me")
    assert list(table.matching("f", frozenset())) == []
    assert [owner for owner, _ in table.matching("g", frozenset())] == ["you"]


def test_nobody_offers_functions_without_end() -> None:
    table: Registrations[str] = Registrations()
    for number in range(registrations.MAX_REGISTRATIONS):
        assert table.add("me", offer(f"f{number}")) == Status.OK
    assert table.add("me", offer("more")) == Status.REQUEST_MALFORMED
    assert table.add("you", offer("more")) == Status.OK


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", ["f()", "f(c,d)"]),
        ("a", ["f(a)", "f(a,b)"]),
        ("a b", ["f(a,b)"]),
        ("b", []),
        ("a x", []),
    ],
)
def test_left_out_arguments_must_have_a_default(given: str, meant: list[str]) -> None:
    table: Registrations[str] = Registrations()
    table.add("me", offer("f", "a", "b", b="id"))
    table.add("me", offer("f", "c", "d", c="id", d="id"))
    table.add("me", offer("f", "a"))
    table.add("me", offer("f"))
    table.add("me", offer("other"))
    found = table.matching("f", frozenset(given.split()))
    assert [registration.signature for _, registration in found] == meant
