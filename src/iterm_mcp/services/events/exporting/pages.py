"""Conversations, comparisons and events as pages for people. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterm_mcp.services.events.exporting.blocks import (
    Facts,
    Heading,
    Item,
    Line,
    Picture,
    Table,
)
from iterm_mcp.services.events.exporting.words import duration, moment, money

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iterm_mcp.models.account_views import Comparison, Step
    from iterm_mcp.models.accounts import Account
    from iterm_mcp.models.events import KeptEvent
    from iterm_mcp.services.events.exporting.blocks import Block


def account_title(account: Account) -> str:
    """Return what a conversation is called."""
    return account.title or f"Conversation {account.conversation}"


def account_page(account: Account) -> Iterable[Block]:
    """Yield what a page tells of a conversation."""
    who = (account.agent, account.kind, account.team, ", ".join(account.models))
    yield Line(" · ".join(one for one in who if one))
    yield Line(account.directory, dim=True)
    yield Line(f"{moment(account.started_at)} to {moment(account.last_at)} UTC", dim=True)
    yield Facts(tuple(_facts(account)))
    yield Picture(account)
    yield Heading("Turns")
    yield Table(
        ("#", "prompt", "began", "took", "waited", "calls", "cost", "outcome"),
        [
            (one.index + 1, one.prompt, moment(one.started_at), duration(one.seconds),
             duration(one.waited_seconds), one.calls, money(one.spent.dollars),
             f"{one.outcome.value} {one.error}".strip())
            for one in account.turns
        ],
    )  # fmt: skip
    yield Heading("Tools")
    yield Table(
        ("tool", "calls", "failed", "took", "waited"),
        [
            (one.tool, one.calls, one.failed, duration(one.seconds), duration(one.waited_seconds))
            for one in account.tools
        ],
    )
    if account.failures:
        yield Heading("Failures")
        yield Table(
            ("tool", "times", "error"),
            [(one.tool, one.times, one.error) for one in account.failures],
        )
    yield Heading("Files")
    yield Table(
        ("file", "became", "changes", "lines added", "removed"),
        [
            (one.path, one.change.value, one.changes, one.lines_added, one.lines_removed)
            for one in account.files
        ],
    )
    if account.commits:
        yield Heading("Commits")
        yield Table(
            ("when", "what", "name", "text"),
            [(moment(one.at), one.what, one.name, one.text) for one in account.commits],
        )
    yield Heading("Models")
    yield Table(
        ("model", "answers", "input", "cache read", "cache written", "output", "cost"),
        [
            (model, one.answers, one.usage.input, one.usage.cache_read,
             one.usage.cache_write + one.usage.cache_write_1h, one.usage.output,
             money(one.dollars) if one.nanodollars or not one.unpriced else "unknown")
            for model, one in zip(account.models, account.by_model, strict=True)
        ],
    )  # fmt: skip


def comparison_page(told: Comparison) -> Iterable[Block]:
    """Yield what a page tells of conversations side by side."""
    names = [f"{account_title(one)} ({one.conversation})" for one in told.accounts]
    yield Table(
        ("conversation", "agent", "alike", "took", "turns", "calls", "failed", "tokens", "cost"),
        [
            (name, one.agent, f"{alike:.0%}", duration(one.seconds), len(one.turns),
             len(one.calls), sum(tool.failed for tool in one.tools), one.spent.usage.total,
             money(one.spent.dollars))
            for name, one, alike in zip(names, told.accounts, told.similarity, strict=True)
        ],
    )  # fmt: skip
    yield Heading("Steps")
    yield Table(
        ("", *names),
        [("=" if row.same else "≠", *(_step(one) for one in row.steps)) for row in told.steps],
    )
    yield Heading("Files")
    yield Table(
        ("file", *names),
        [
            (row.path, *("" if one is None else one.change.value for one in row.files))
            for row in told.files
        ],
    )


def event_item(kept: KeptEvent) -> Item:
    """Return one event of a list."""
    event = kept.event
    cost = "" if event.cost is None else f" · {money(event.cost.dollars)}"
    if event.cost is not None and event.cost.basis == "unpriced":
        cost = " · cost unknown"
    took = "" if event.duration_seconds is None else f" · {duration(event.duration_seconds)}"
    body = event.text
    if event.payload:
        payload = json.dumps(dict(event.payload), ensure_ascii=False, indent=1)
        body = f"{body}\n\n{payload}".strip()
    return Item(
        moment(event.at), event.kind.value, event.subject, took + cost, body,
        "Failed" in event.kind.value,
    )  # fmt: skip


def _facts(account: Account) -> Iterable[tuple[str, str]]:
    spent = account.spent
    yield "turns", str(len(account.turns))
    yield "calls of tools", str(len(account.calls))
    yield "failed", str(sum(one.failed for one in account.tools))
    yield "cost", money(spent.dollars)
    if spent.unpriced:
        yield "tokens of unknown price", f"{spent.unpriced:,}"
    yield "tokens", f"{spent.usage.total:,}"
    yield "took", duration(account.seconds)
    yield "worked", duration(account.busy_seconds)
    yield "waited for people", duration(account.waited_seconds)
    yield "files", str(len(account.files))
    yield "subagents", str(len(account.subagents))


def _step(step: Step | None) -> str:
    return "" if step is None else f"{step.what} {step.subject} ({step.outcome.value})"
