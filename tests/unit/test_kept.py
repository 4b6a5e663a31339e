"""One question for many callers, in threads and in an event loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from betting_ai.api.kept import Kept


class Source:
    """Counts how often it is asked; may be held up, or fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()
        self.go.set()
        self.broken = False

    def __call__(self) -> int:
        self.go.wait(30)
        self.asked += 1
        if self.broken:
            raise OSError("gone")
        return self.asked


def aged(kept: Kept[int], seconds: float) -> None:
    assert kept._found is not None
    kept._found = (time.monotonic() - seconds, kept._found[1])


def test_a_thousand_callers_are_one_question() -> None:
    source = Source()
    kept = Kept(source, 1000)

    async def ask() -> list[int]:
        source.go.clear()
        calls = [asyncio.create_task(kept.told()) for _ in range(1000)]
        await asyncio.sleep(0)
        calls[0].cancel()  # who leaves does not take the answer from the others
        source.go.set()
        return await asyncio.gather(*calls[1:])

    assert set(asyncio.run(ask())) == {1}
    assert source.asked == 1
    assert kept.get() == 1


def test_the_kept_answer_is_told_while_the_next_one_is_asked_for() -> None:
    source = Source()
    kept = Kept(source, 1000)
    assert kept.get() == 1
    aged(kept, 600)

    async def ask() -> int:
        source.go.clear()
        meanwhile = await kept.told()
        source.go.set()
        assert kept._asking is not None
        await kept._asking
        assert await kept.told() == 2
        return meanwhile

    assert asyncio.run(ask()) == 1
    assert source.asked == 2


def test_a_failure_is_told_only_once_the_kept_answer_is_too_old() -> None:
    source = Source()
    kept = Kept(source, 1000)
    assert kept.get() == 1
    source.broken = True

    async def ask() -> None:
        aged(kept, 600)
        assert await kept.told() == 1
        assert kept._asking is not None
        await asyncio.wait([kept._asking])
        assert await kept.told() == 1
        aged(kept, 1001)
        with pytest.raises(OSError, match="gone"):
            await kept.told()
        source.broken = False
        assert await kept.told() > 1

    asyncio.run(ask())
