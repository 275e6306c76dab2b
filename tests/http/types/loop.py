"""What type checkers know of the loop and of the ways to run it. It is checked, and never run.

A line with `type: ignore` has a mistake that both checkers find; each complains where there is none.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import asyncio
import contextvars
import sys
from typing import assert_type

import vitok
import vitok.http
from vitok.loop import Loop as UvloopsPlace


class Mine(vitok.Loop):
    """A loop of a program's own."""

    def __init__(self, name: str) -> None:
        """Take an argument that vitok's class does not have."""
        super().__init__()
        self.name = name


class Unchanged(vitok.EventLoop):
    """A loop with vitok's constructor."""


async def main() -> int:
    """Use the loop that runs."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, vitok.Loop):
        assert_type(loop, vitok.Loop)
        assert_type(loop.metrics(), vitok.Metrics)
        loop.call_soon(print, "text")
        assert_type(await loop.run_in_executor(None, len, "text"), int)
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        server.close()
    return 1


# Making one.
assert_type(vitok.Loop(), vitok.Loop)
assert_type(vitok.EventLoop(), vitok.Loop)
assert_type(vitok.new_event_loop(), vitok.Loop)
assert_type(UvloopsPlace(), vitok.Loop)
assert_type(Mine("one"), Mine)
assert_type(Mine("one").name, str)
assert_type(Unchanged(), Unchanged)
plain: asyncio.AbstractEventLoop = vitok.Loop()
asyncio.set_event_loop(vitok.new_event_loop())
Mine()  # type: ignore[call-arg]
vitok.Loop("text")  # type: ignore[call-arg]

# Running one.
assert_type(vitok.run(main()), int)
assert_type(vitok.run(main(), debug=True, loop_factory=Unchanged, context=contextvars.Context()), int)
assert_type(plain.run_until_complete(main()), int)
assert_type(vitok.Loop().run_until_complete(main()), int)
for factory in (vitok.new_event_loop, vitok.Loop, lambda: Mine("one")):
    with asyncio.Runner(loop_factory=factory) as runner:
        assert_type(runner.run(main()), int)
assert_type(vitok.EventLoopPolicy().new_event_loop(), asyncio.AbstractEventLoop)
if sys.version_info >= (3, 12):
    asyncio.run(main(), loop_factory=vitok.Loop)
vitok.run(main)  # type: ignore[arg-type]
vitok.run(main(), debg=True)  # type: ignore[call-arg]
vitok.run(main(), loop_factory=Mine)  # type: ignore[arg-type]

vitok.install()

# Names that a module imports at their first use are all known, and no others are.
assert_type(vitok.__version__, str)
vitok.configure_resolver(max_threads=2)
print(vitok.Metric)  # type: ignore[attr-defined]
print(vitok.http.Serve)  # type: ignore[attr-defined]
