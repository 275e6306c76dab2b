"""The content of a request: `body()` and its kin, whatever arrives when."""

import asyncio
import gc
import random
import warnings
import weakref
from typing import Any

import pytest
import vitok
from request_support import WAYS, Asked, ask, use
from vitok.http.native.content import ClientDisconnected
from vitok.http.native.errors import HTTPError

pytestmark = [pytest.mark.vitok_only, pytest.mark.parametrize("way", WAYS)]


async def body(request: Any) -> Any:
    """The whole content."""
    return await request.body()


@pytest.mark.parametrize(
    "parts", [[], [b""], [b"abc"], [b"a", b"b", b"c"], [b"", b"a", b"", b"bc", b""], [b"x" * 70000]]
)
def test_the_parts_are_joined(way: str, parts: list[bytes]) -> None:
    """Whatever they are."""
    assert vitok.run(ask(way, body, "POST /", parts=parts)) == b"".join(parts)


def test_no_content(way: str) -> None:
    """It is empty, at once."""
    assert vitok.run(ask(way, body)) == b""
    assert vitok.run(ask(way, use(lambda request: request.read()))) == b""
    assert vitok.run(ask(way, use(lambda request: request.read_text()))) == ""


def test_any_split_gives_the_same(way: str) -> None:
    """Random parts, with and without waits."""
    draw = random.Random(17)
    whole = bytes(range(256)) * 4

    async def main() -> None:
        for _ in range(40):
            cuts = sorted(draw.choices(range(len(whole)), k=draw.randrange(6)))
            parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
            assert await ask(way, body, "POST /", parts=parts) == whole

            async def streamed(request: Any) -> bytes:
                return b"".join([part async for part in request.stream()])

            assert await ask(way, streamed, "POST /", parts=parts) == whole

    vitok.run(main())


def test_a_second_time_gives_the_same(way: str) -> None:
    """The object itself, in every way of reading it."""

    async def twice(request: Any) -> list[bool]:
        first = await request.body()
        return [first is await request.body(), first is request.read(), [first] == [p async for p in request.stream()]]

    assert vitok.run(ask(way, twice, "POST /", parts=[b"a", b"b"])) == [True] * 3


def test_too_much_is_refused(way: str) -> None:
    """HTTPError 413 with the limit, at the first byte too many; again at each call."""

    async def twice(request: Any) -> list[str]:
        texts = []
        for _ in range(2):
            with pytest.raises(HTTPError) as raised:
                await request.body()
            assert raised.value.status == 413
            texts.append(raised.value.detail)
        return texts

    async def main() -> None:
        texts = await ask(way, twice, "POST /", parts=[b"12345", b"678"], max_body=7)
        assert texts == ["the content is longer than 7 bytes"] * 2
        assert await ask(way, body, "POST /", parts=[b"12345", b"67"], max_body=7) == b"1234567"

    vitok.run(main())


@pytest.mark.parametrize("is_last", [True, False])
def test_too_much_can_be_streamed(way: str, is_last: bool) -> None:
    """All of it, also the part that was too much, whether or not that is the last one."""

    async def all_of_it(request: Any) -> bytes:
        with pytest.raises(HTTPError):
            await request.body()
        return b"".join([part async for part in request.stream()])

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True, max_body=7)
        result = asked.start(all_of_it)
        asked.add(b"12345")
        asked.add(b"678", more=not is_last)
        await asyncio.sleep(0)
        if not is_last:
            asked.add(b"9", more=False)
        async with asyncio.timeout(15):
            assert await result == (b"12345678" if is_last else b"123456789")

    vitok.run(main())


def test_an_announced_length_is_refused_before_it_arrives(way: str) -> None:
    """Nothing is waited for."""

    async def main() -> None:
        asked = Asked(way, "POST /", length=8, max_body=7)
        with pytest.raises(HTTPError, match="longer than 7 bytes"):
            await asked.start(body)
        # What streams content has limits of its own.
        asked = Asked(way, "POST /", length=8, max_body=7)
        result = asked.start(parts)
        asked.add(b"12345678", more=False)
        assert await result == [b"12345678"]

    vitok.run(main())


async def parts(request: Any) -> list[bytes]:
    """The parts of a stream."""
    return [part async for part in request.stream()]


def test_parts_are_streamed_as_they_arrive(way: str) -> None:
    """Empty ones are left out."""

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True)
        seen: list[bytes] = []

        async def reads(request: Any) -> None:
            async for part in request.stream():
                seen.append(part)

        result = asked.start(reads)
        for part in (b"ab", b"", b"c"):
            asked.add(part)
            await turns()
        assert seen == [b"ab", b"c"]
        assert not result.done()
        asked.add(b"", more=False)
        await result
        assert await ask(way, parts) == []

    vitok.run(main())


async def turns(count: int = 5) -> None:
    """Let others run."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_stream_is_read_once(way: str) -> None:
    """RuntimeError says what has happened to the content."""

    async def after_some(request: Any) -> None:
        async for _ in request.stream():
            break
        with pytest.raises(RuntimeError, match="stream\\(\\) has begun"):
            await request.body()
        with pytest.raises(RuntimeError, match="stream\\(\\) has begun"):
            request.read()

    async def after_all(request: Any) -> None:
        await parts(request)
        with pytest.raises(RuntimeError, match="was read by stream"):
            await request.body()
        with pytest.raises(RuntimeError, match="was read by stream"):
            request.stream()

    vitok.run(ask(way, after_some, "POST /", parts=[b"ab"]))
    vitok.run(ask(way, after_all, "POST /", parts=[b"ab"]))


def test_one_reader_at_a_time(way: str) -> None:
    """A second one is an error, and the first goes on."""

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True)

        async def two(request: Any) -> Any:
            first = asyncio.ensure_future(request.body())
            await turns(2)
            for other in (request.body(), request.json(), request.text()):
                with pytest.raises(RuntimeError, match="one reader at a time"):
                    await other
            with pytest.raises(RuntimeError, match="one reader at a time"):
                request.stream()
            return await first

        result = asked.start(two)
        asked.add(b"a")
        await turns(10)
        asked.add(b"b", more=False)
        assert await result == b"ab"

    vitok.run(main())


def test_a_client_that_leaves(way: str) -> None:
    """ClientDisconnected, which is a ConnectionResetError, for every reader."""

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True)

        async def reads(request: Any) -> None:
            for read in (request.body, request.json, request.body):
                with pytest.raises(ClientDisconnected) as raised:
                    await read()
                assert isinstance(raised.value, ConnectionResetError)
            with pytest.raises(ClientDisconnected):
                request.read()
            assert await request.is_disconnected()

        result = asked.start(reads)
        asked.add(b"some")
        await turns()
        asked.leave()
        await result

        asked = Asked(way, "POST /", is_chunked=True)
        seen = []

        async def streams(request: Any) -> None:
            with pytest.raises(ClientDisconnected):
                async for part in request.stream():
                    seen.append(part)

        result = asked.start(streams)
        asked.add(b"some")
        await turns()
        asked.leave()
        await result
        assert seen == [b"some"]

    vitok.run(main())


def test_is_disconnected(way: str) -> None:
    """It does not wait, and leaves the content to its readers."""

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True)

        async def looks(request: Any) -> list[Any]:
            seen = [await request.is_disconnected(), await request.body(), await request.is_disconnected()]
            asked.leave()
            while not await request.is_disconnected():
                pass
            return [*seen, await request.is_disconnected(), await request.body()]

        result = asked.start(looks)
        asked.add(b"a")
        await turns(2)
        asked.add(b"b", more=False)
        assert await result == [False, b"ab", False, True, b"ab"]

    vitok.run(main())


def test_content_that_has_not_arrived(way: str) -> None:
    """RuntimeError for code that can't wait; the content is not lost by that."""

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True)

        async def tries(request: Any) -> Any:
            await turns()
            for read in (request.read, request.read_text, request.read_json):
                with pytest.raises(RuntimeError, match="has not arrived: await body"):
                    read()
            return await request.body()

        result = asked.start(tries)
        asked.add(b"a")
        await turns(10)
        asked.add(b"b", more=False)
        assert await result == b"ab"

    vitok.run(main())


def test_a_cancelled_reader_leaves_the_content(way: str) -> None:
    """What had arrived is kept for the next reader."""

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True)

        async def reads(request: Any) -> Any:
            first = asyncio.ensure_future(request.body())
            await turns()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(request.body(), 0.001)
            asked.add(b"b", more=False)
            return await request.body()

        result = asked.start(reads)
        asked.add(b"a")
        assert await result == b"ab"

    vitok.run(main())


def test_a_cancelled_stream_goes_on(way: str) -> None:
    """No part is lost, and none comes twice."""

    async def main() -> None:
        asked = Asked(way, "POST /", is_chunked=True)

        async def reads(request: Any) -> Any:
            seen = []
            with pytest.raises(asyncio.TimeoutError):
                async with asyncio.timeout(0.001):
                    async for part in request.stream():
                        seen.append(part)
            asked.add(b"b", more=False)
            return seen + [part async for part in request.stream()]

        result = asked.start(reads)
        asked.add(b"a")
        assert await result == [b"a", b"b"]

    vitok.run(main())


def test_coroutines_that_are_not_awaited(way: str) -> None:
    """Neither a dropped one nor a closed one is a reader."""

    async def forgets(request: Any) -> Any:
        for drop in (lambda one: one.close(), lambda one: None):
            drop(request.body())
        gc.collect()
        return await request.body()

    with warnings.catch_warnings():
        # Python's own coroutines warn of that.
        warnings.simplefilter("ignore", RuntimeWarning)
        assert vitok.run(ask(way, forgets, "POST /", parts=[b"a"])) == b"a"


def test_a_coroutine_is_awaited_once(way: str) -> None:
    """As those of `async def`."""

    async def twice(request: Any) -> Any:
        coroutine = request.body()
        first = await coroutine
        with pytest.raises(RuntimeError, match="already awaited"):
            await coroutine
        assert asyncio.iscoroutine(coroutine)
        assert (coroutine.__name__, type(repr(coroutine))) == (coroutine.__name__, str)
        return first

    assert vitok.run(ask(way, twice, "POST /", parts=[b"a"])) == b"a"


def test_readers_are_released(way: str) -> None:
    """A request that waits for content in a cycle is collected with its reader."""

    async def main() -> Any:
        asked = Asked(way, "POST /", is_chunked=True)
        references = []

        async def reads(request: Any) -> None:
            references.append(weakref.ref(request))
            request.state["reader"] = request.body()
            request.state["stream"] = request.stream()

        await asked.start(reads)
        asked.leave()
        await turns()
        return references

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        references = vitok.run(main())
        gc.collect()
    assert [reference() for reference in references] == [None]
