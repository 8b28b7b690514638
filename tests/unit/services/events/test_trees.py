from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.services.events.trees import (
    SLACK_NS,
    Difference,
    FileFacts,
    Tree,
    baseline,
    differences,
    moves,
    read_text,
)

BEGAN = 10 * SLACK_NS
EARLY, LATE = BEGAN - 2 * SLACK_NS, BEGAN + 1


def facts(content: bytes, changed_ns: int = EARLY) -> FileFacts:
    mark = (changed_ns, hash(content))
    return FileFacts(len(content), mark, changed_ns, read_text(content))


def by_git(files: dict[str, FileFacts], *gone: str, head: str = "h") -> Tree:
    return Tree("/w", files, frozenset(gone), head, "main", kept_by_git=True)


contents = st.sampled_from([b"", b"a\n", b"a\nb\n", b"b\na\n", b"c"])
trees = st.dictionaries(st.sampled_from("pqrs"), contents, max_size=4)


@given(trees, trees)
def test_what_is_told_leads_from_one_tree_to_the_other(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    told = differences(
        Tree("/w", {path: facts(one) for path, one in before.items()}),
        Tree("/w", {path: facts(one) for path, one in after.items()}),
        (), {}, {},
    )  # fmt: skip
    made = dict(before)
    for one in told:
        assert one.change == (
            "created" if one.path not in before
            else "deleted" if one.path not in after else "modified"
        )  # fmt: skip
        made.pop(one.path, None)
        if one.after is not None:
            made[one.path] = after[one.path]
        added, removed = one.lines or (0, 0)
        lines = [len(tree.get(one.path, b"").splitlines()) for tree in (before, after)]
        assert added - removed == lines[1] - lines[0]
    assert made == after


@given(trees, trees, trees)
def test_what_a_command_has_done_already_is_taken_out_of_what_was_before(
    known: dict[str, bytes], by_others: dict[str, bytes], by_command: dict[str, bytes]
) -> None:
    """Whatever others did before is in the baseline, and nothing of the command's."""
    others = {path: facts(one) for path, one in (known | by_others).items()}
    fresh = others | {path: facts(one, LATE) for path, one in by_command.items()}
    before = baseline(
        by_git({path: facts(one) for path, one in known.items()}),
        by_git(fresh), BEGAN, lambda _: EARLY,
    )  # fmt: skip
    for path in fresh:
        if path not in by_command:
            assert before.files[path] == others[path]
        elif path in known:
            assert before.files[path] == facts(known[path])
        else:
            assert path not in before.files


def test_a_deletion_is_dated_by_its_folder() -> None:
    known, fresh = by_git({"p": facts(b"a")}), by_git({}, "q")
    undone = baseline(known, fresh, BEGAN, lambda _: LATE)
    assert (undone.files, undone.gone) == ({"p": facts(b"a")}, frozenset())
    done = baseline(known, fresh, BEGAN, lambda _: EARLY)
    assert (done.files, done.gone) == ({}, frozenset({"q"}))
    back = baseline(by_git({}, "p"), by_git({"p": facts(b"a", LATE)}), BEGAN, lambda _: EARLY)
    assert (back.files, back.gone) == ({}, frozenset({"p"}))


def test_without_a_former_look_the_commit_is_what_was_before() -> None:
    fresh = by_git({"p": facts(b"a", LATE), "q": facts(b"b")}, "r")
    for known in (None, by_git({"p": facts(b"z")}, head="other")):
        before = baseline(known, fresh, BEGAN, lambda _: LATE)
        assert (before.files, before.gone) == ({"q": facts(b"b")}, frozenset())
    plain = Tree("/w", {"p": facts(b"a", LATE)})
    assert baseline(None, plain, BEGAN, lambda _: LATE) is plain


def test_files_that_cannot_be_read_are_told_apart_by_their_marks() -> None:
    one, other = FileFacts(5, (1, 2)), FileFacts(5, (1, 3))
    assert not one.same(other)
    assert one.same(FileFacts(5, (1, 2)))
    (told,) = differences(Tree("/w", {"p": one}), Tree("/w", {"p": other}), (), {}, {})
    assert (told.change, told.lines) == ("modified", None)


def test_what_the_commits_have_different_is_looked_up_on_both_sides() -> None:
    told = differences(
        by_git({}), by_git({}, head="i"), ("p", "q", "r", "s"),
        {"p": facts(b"a"), "q": facts(b"b"), "r": facts(b"c")},
        {"p": facts(b"a\nb"), "q": facts(b"b"), "s": facts(b"d")},
    )  # fmt: skip
    assert [(one.path, one.change) for one in told] == [
        ("p", "modified"), ("r", "deleted"), ("s", "created"),
    ]  # fmt: skip


def test_a_file_that_went_and_one_of_the_same_content_that_came_is_one_that_moved() -> None:
    told = [
        Difference("a/x", facts(b"one"), None),
        Difference("a/y", facts(b"one"), None),
        Difference("b/y", None, facts(b"one")),
        Difference("b/z", None, facts(b"one")),
        Difference("c", None, facts(b"one")),
        Difference("d", facts(b"one"), facts(b"two")),
        Difference("e", facts(b"three"), None),
    ]
    assert moves(told) == {"a/y": "b/y", "b/y": "a/y", "a/x": "b/z", "b/z": "a/x"}


def test_large_files_moved_when_they_are_the_same_file_and_empty_ones_never() -> None:
    large, other = FileFacts(5, (1, 2)), FileFacts(5, (1, 3))
    assert moves([Difference("a", large, None), Difference("b", None, large)]) == {
        "a": "b", "b": "a",
    }  # fmt: skip
    for before, after in ((large, other), (FileFacts(5), FileFacts(5)), (facts(b""), facts(b""))):
        assert moves([Difference("a", before, None), Difference("b", None, after)]) == {}
