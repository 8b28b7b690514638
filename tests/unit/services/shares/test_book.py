from __future__ import annotations

import stat
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.services.events.exporting.test_exporter import Pages
from tests.unit.services.events.story import story
from tests.waiting import eventually

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError, StoreError
from iterm_mcp.models.exports import ExportFormat
from iterm_mcp.models.shares import ShareId, ShareWish
from iterm_mcp.services.events.exporting import Exporter
from iterm_mcp.services.shares import book
from iterm_mcp.services.shares.book import MOST_HOURS, Shares
from iterm_mcp.services.shares.shelf import Shelf
from iterm_mcp.services.shares.time import SteadyTime
from iterm_mcp.store import open_store
from iterm_mcp.store.shares import ShareStore
from iterm_mcp.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from pathlib import Path

    from iterm_mcp.models.events import Event
    from iterm_mcp.models.shares import Share

WISH = ShareWish(conversation="c1")


class JumpingClock(FakeClock):
    """A clock whose hands somebody turns."""

    turned = timedelta()

    def now(self) -> datetime:
        return super().now() + self.turned


class FailingStore(ShareStore):
    """A store whose disk is full, when told so."""

    fails = False

    async def _changed(self, statement: str, value: object) -> bool:
        self._check()
        return await super()._changed(statement, value)

    async def add(self, one: Share, digest: str) -> ShareId:
        self._check()
        return await super().add(one, digest)

    def _check(self) -> None:
        if self.fails:
            raise StoreError("full")


@dataclass
class Bench:
    shares: Shares
    store: FailingStore
    clock: JumpingClock
    folder: Path

    async def make(
        self,
        wish: ShareWish = WISH,
        kind: ExportFormat = ExportFormat.JSON,
        hours: float = 1.0,
        *,
        redacted: bool = True,
    ) -> tuple[Share, str]:
        return await self.shares.make(wish, kind, hours, "me", redacted=redacted)

    async def text(self, token: str) -> str:
        found = await self.shares.open(token)
        return "" if found is None else found[1].read_text("utf-8")

    def files(self) -> list[Path]:
        folder = self.folder / "shares"
        return sorted(folder.iterdir()) if folder.exists() else []


@asynccontextmanager
async def open_bench(
    folder: Path,
    clock: JumpingClock | None = None,
    *,
    events: list[Event] | None = None,
    most_bytes: int = 1 << 20,
) -> AsyncIterator[Bench]:
    clock = clock or JumpingClock()
    async with open_store(str(folder / "state.db"), clock) as store:
        kept = FailingStore(store.shares._database)
        exporter = Exporter(Pages(events or story()), clock)
        shares = Shares(kept, exporter, Shelf(str(folder / "shares"), most_bytes), clock)
        async with shares.running():
            yield Bench(shares, kept, clock, folder)


async def test_a_share_is_read_by_its_token_until_it_expires(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        share, token = await bench.make(hours=1)
        assert '"title":"first"' in await bench.text(token)
        assert (share.what, share.redacted, share.made_by) == ("conversation c1", True, "me")
        assert bench.shares.list() == (share,)
        bench.clock.advance(3599)
        assert await bench.text(token)
        bench.clock.advance(1)
        assert not await bench.text(token)
        assert bench.shares.list() == ()


async def test_only_a_digest_is_kept_and_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        _, token = await bench.make()
        (file,) = bench.files()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert len(token) == len("imsh_") + 43
        kept = [one for one in tmp_path.glob("**/*") if one.is_file()]  # noqa: ASYNC240
        assert len(kept) >= 2
        for path in kept:
            assert token.encode() not in path.read_bytes()
            assert token not in path.name


async def test_shares_outlive_the_daemon(tmp_path: Path) -> None:
    clock = JumpingClock()
    async with open_bench(tmp_path, clock) as bench:
        share, token = await bench.make()
        await bench.shares.viewed(share)
    async with open_bench(tmp_path, clock) as bench:
        assert await bench.text(token)
        assert [one.views for one in bench.shares.list()] == [1]


async def test_what_is_revoked_is_gone_with_its_file(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        share, token = await bench.make()
        await bench.shares.revoke(share.share_id)
        assert not await bench.text(token)
        assert bench.files() == []
        with pytest.raises(NotFoundError):
            await bench.shares.revoke(share.share_id)


async def test_what_has_expired_is_removed_when_the_daemon_starts(tmp_path: Path) -> None:
    clock = JumpingClock()
    async with open_bench(tmp_path, clock) as bench:
        await bench.make(hours=1)
        _, token = await bench.make(hours=2)
    clock.advance(3600)
    async with open_bench(tmp_path, clock) as bench:
        assert len(bench.files()) == 1
        assert await bench.text(token)


async def test_what_has_expired_is_removed_while_the_daemon_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "SWEEP_SECONDS", 0.001)
    async with open_bench(tmp_path) as bench:
        await bench.make(hours=1)
        bench.store.fails = True
        bench.clock.advance(3600)
        await eventually(lambda: not bench.shares._known)
        bench.store.fails = False
        await eventually(lambda: not bench.files())


async def test_files_of_no_share_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "shares"
    folder.mkdir()
    (folder / "x.part").write_text("torn")
    async with open_bench(tmp_path) as bench:
        assert bench.files() == []


async def test_a_clock_that_is_set_back_brings_nothing_again(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        _, token = await bench.make(hours=1)
        bench.clock.advance(3600)
        bench.clock.turned = timedelta(hours=-5)
        assert not await bench.text(token)
        bench.clock.turned = timedelta(days=-500)
        assert not await bench.text(token)


async def test_a_clock_that_is_set_back_prolongs_nothing(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        _, token = await bench.make(hours=1)
        bench.clock.turned = timedelta(hours=-1)
        bench.clock.advance(3599)
        assert await bench.text(token)
        bench.clock.advance(1)
        assert not await bench.text(token)


async def test_a_clock_that_is_set_back_between_two_daemons_prolongs_nothing(
    tmp_path: Path,
) -> None:
    clock = JumpingClock()
    async with open_bench(tmp_path, clock) as bench:
        _, token = await bench.make(hours=1)
        clock.advance(3000)
        await bench.shares._sweep()
    clock.turned = timedelta(hours=-3)
    async with open_bench(tmp_path, clock) as bench:
        clock.advance(599)
        assert await bench.text(token)
        with pytest.raises(ConflictError, match="set back"):
            await bench.make()
        clock.advance(1)
        assert not await bench.text(token)


def test_time_is_corrected_by_seconds_without_ado() -> None:
    clock = JumpingClock()
    steady = SteadyTime(clock)
    clock.turned = timedelta(seconds=-30)
    assert not steady.is_ahead
    clock.turned = timedelta(hours=1)
    assert steady.now() == clock.now()


@pytest.mark.parametrize(
    "token", ["", "x", "imsh_", "../../etc/passwd", "..%2f", "a" * 5000, "imsh_\x00", "\ud800"]
)
async def test_whatever_else_is_shown_opens_nothing(tmp_path: Path, token: str) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.make()
        assert await bench.shares.open(token) is None


async def test_no_disk_is_asked_for_what_has_expired_or_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def find(digest: str) -> None:
        asked.append(digest)

    async with open_bench(tmp_path) as bench:
        _, token = await bench.make()
        monkeypatch.setattr(bench.shares._shelf, "find", find)
        bench.clock.advance(3600)
        assert await bench.shares.open(token) is None
        assert await bench.shares.open(token[::-1]) is None
    assert asked == []


async def test_no_change_of_a_token_opens_what_it_opened(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        _, token = await bench.make()
        for place in range(0, len(token), 7):
            other = "A" if token[place] != "A" else "B"
            assert await bench.shares.open(token[:place] + other + token[place + 1 :]) is None
        for forged in (token[:-1], token.upper(), token.swapcase(), f"{token} ", f"{token}/"):
            assert await bench.shares.open(forged) is None
        (file,) = bench.files()
        assert await bench.shares.open(file.stem) is None


async def test_a_file_that_somebody_removed_opens_nothing(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        _, token = await bench.make()
        bench.files()[0].unlink()
        assert await bench.shares.open(token) is None


async def test_what_happens_later_does_not_come_into_a_share(tmp_path: Path) -> None:
    events = story()[:3]
    async with open_bench(tmp_path, events=events) as bench:
        _, token = await bench.make()
        before = await bench.text(token)
        events.append(replace(events[1], key="late", text="LATER"))
        assert await bench.text(token) == before


PLANTED = (
    "ghp_" + "a1B2" * 9, "AKIAIOSFODNN7EXAMPLE", "sk-ant-" + "x9Y8" * 10,
    "xoxb-1234567890-abcdefghij", "hunter2hunter2",
)  # fmt: skip


@pytest.mark.parametrize("kind", [ExportFormat.JSON, ExportFormat.HTML])
async def test_secrets_are_looked_for_again(tmp_path: Path, kind: ExportFormat) -> None:
    text = f"{' '.join(PLANTED[:4])} PASSWORD={PLANTED[4]}"
    events = [
        replace(one, text=text, subject=text, payload={**one.payload, "title": text, "error": text})
        for one in story()
    ]
    async with open_bench(tmp_path, events=events) as bench:
        share, token = await bench.make(kind=kind)
        _, plain = await bench.make(kind=kind, redacted=False)
        assert share.redacted
        found, whole = await bench.text(token), await bench.text(plain)
    assert [one for one in PLANTED if one in found] == []
    assert [one for one in PLANTED if one in whole] == list(PLANTED)


@pytest.mark.parametrize("hours", [0, -1, MOST_HOURS + 0.1])
async def test_no_share_is_good_for_ever(tmp_path: Path, hours: float) -> None:
    async with open_bench(tmp_path) as bench:
        with pytest.raises(InvalidRequestError):
            await bench.make(hours=hours)


async def test_what_cannot_be_shared_leaves_nothing(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        with pytest.raises(InvalidRequestError):
            await bench.make(kind=ExportFormat.PDF)
        with pytest.raises(InvalidRequestError, match="nothing"):
            await bench.make(wish=ShareWish())
        with pytest.raises(NotFoundError):
            await bench.make(wish=ShareWish(conversation="c9"))
        bench.store.fails = True
        with pytest.raises(StoreError):
            await bench.make()
        assert bench.files() == []
        assert bench.shares.list() == ()


async def test_what_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    async with open_bench(tmp_path, most_bytes=100) as bench:
        with pytest.raises(InvalidRequestError, match="larger"):
            await bench.make()
        assert bench.files() == []


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        shelf = Shelf("/dev/null/shares")
        bench.shares._shelf = shelf
        with pytest.raises(StoreError, match="cannot be written"):
            await bench.make()


async def test_there_are_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "MOST_SHARES", 1)
    async with open_bench(tmp_path) as bench:
        await bench.make()
        with pytest.raises(ConflictError):
            await bench.make()


async def test_that_a_view_cannot_be_counted_is_nothing_to_its_reader(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        share, _ = await bench.make()
        bench.store.fails = True
        await bench.shares.viewed(share)
        await bench.shares.viewed(replace(share, share_id=ShareId(99)))
        assert [one.views for one in bench.shares.list()] == [1]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (ShareWish(conversation="c", turn=2), "conversation c, turn 2"),
        (ShareWish(session="s"), "session s"),
        (ShareWish(), "events"),
    ],
)
def test_what_is_shared_is_told_in_words(wish: ShareWish, words: str) -> None:
    assert wish.words == words
