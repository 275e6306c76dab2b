"""The number of turns between a cause in this process and its callback is the same as on asyncio's loop.

asyncio polls at every turn. A loop that saves polls while it is busy must not be later because of that, whichever
thread made the system call, nor earlier by other means: programs count turns without knowing it, by `await
asyncio.sleep(0)`. Each case runs on both loops, at several moments of a busy loop's life, with io_uring and without.
"""

import pytest
import turns_cases
import turns_cases_files
from support import loop_factory
from turns_support import Turns

CASES = {**turns_cases.CASES, **turns_cases_files.CASES}

# Turns for which the loop was busy before the cause: a few after a sleep, and so many that it has found means of saving
# polls.
MOMENTS = [0, 1, 2, 3, 5, 9, 17, 600]


def turns_of(name: str, case: str, busy: int) -> list[tuple[str, int]]:
    """What is called on a fresh loop, and when."""
    loop = loop_factory(name)()
    try:
        return Turns(loop, busy).run(CASES[case])
    finally:
        loop.close()


@pytest.mark.vitok_only
@pytest.mark.parametrize("io_uring", ["with io_uring", "without io_uring"])
@pytest.mark.parametrize("name", CASES)
def test_turns_are_those_of_asyncio(name: str, io_uring: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy loop skips no poll that something in this process has made due."""
    monkeypatch.setenv("VITOK_IO_URING", "1" if io_uring == "with io_uring" else "0")
    for busy in MOMENTS:
        assert turns_of("vitok", name, busy) == turns_of("asyncio", name, busy), f"busy for {busy} turns"
