"""What counts as drift: a persona that pretends something."""

from __future__ import annotations

from scripts.canary.comparing import compare
from scripts.canary.subject import Act


def act(**hook: str) -> Act:
    one = Act("a_turn", edges=["busy", "idle"])
    one.hooks = [{"hook_event_name": "UserPromptSubmit", "prompt": "hi", **hook}]
    one.lines = [{"type": "user", "message": {"content": "hi"}, "promptSource": "typed"}]
    one.titles = {"✳ Claude Code", "◐ Claude Code"}
    return one


def differences(real: Act, persona: Act) -> set[str]:
    return {one.subject for one in compare([real], [persona]) if not one.agrees}


def test_two_that_do_the_same_agree() -> None:
    assert not differences(act(), act())


def test_a_key_that_the_real_one_lacks_is_made_up_and_one_more_of_its_own_is_not() -> None:
    assert differences(act(), act(invented="x")) == {"hook UserPromptSubmit"}
    assert not differences(act(more="x"), act())


def test_another_status_another_prompt_and_another_line_differ() -> None:
    other = act(prompt="hi ")
    other.edges = ["busy", "waiting: permission prompt"]
    other.lines = [{"type": "system", "subtype": "turn_duration"}]

    assert differences(act(), other) == {"status", "prompts", "transcript"}


def test_the_id_of_a_paste_is_each_ones_own() -> None:
    first = act(prompt='<pasted_content id="b5cf">\nx\n</pasted_content id="b5cf">')
    second = act(prompt='<pasted_content id="0001">\nx\n</pasted_content id="0001">')

    assert not differences(first, second)


def test_the_time_of_a_notification_does_not_matter() -> None:
    first, second = act(), act()
    note = {"hook_event_name": "Notification"}
    first.hooks.insert(0, note)
    second.hooks.append(note)

    assert not differences(first, second)
