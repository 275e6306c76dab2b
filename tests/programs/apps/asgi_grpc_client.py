"""A client of asgi_grpc.py by grpc.aio, whose core in C++ has its own HTTP/2: its arguments are the host and port, and
the certificate to trust, if any.

It knows nothing of how the server is run.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import grpc
from scene import LARGE_BODY, chosen, loop_name

CALLS = 50
WORDS = [b"word %d" % number for number in range(CALLS)]
SHOUTED = [word.upper() for word in WORDS]
# Nothing takes long, but the machine may be busy.
PATIENCE_SECONDS = 20
METADATA = (("own-word", "said"), ("own-word", "again"), ("own-bytes-bin", bytes(range(256))))


async def each() -> AsyncIterator[bytes]:
    """A stream of requests."""
    for word in WORDS:
        yield word


async def make_calls(channel: grpc.aio.Channel) -> None:
    """All four kinds of calls, many at once, and messages that need many frames and windows."""
    shout = channel.unary_unary("/words/shout")
    assert await asyncio.gather(*(shout(word, timeout=PATIENCE_SECONDS) for word in WORDS)) == SHOUTED
    assert await shout(LARGE_BODY, timeout=PATIENCE_SECONDS) == LARGE_BODY.upper()
    assert await channel.stream_unary("/words/join")(each(), timeout=PATIENCE_SECONDS) == b" ".join(WORDS)
    counted = channel.unary_stream("/words/count")(b"%d" % CALLS, timeout=PATIENCE_SECONDS)
    assert [answer async for answer in counted] == [b"%d" % number for number in range(CALLS)]
    zipped = shout(b"a" * 100_000, compression=grpc.Compression.Gzip, timeout=PATIENCE_SECONDS)
    assert await zipped == b"A" * 100_000
    talk = channel.stream_stream("/words/shout_each")(timeout=PATIENCE_SECONDS)
    for word, shouted in zip(WORDS, SHOUTED, strict=True):
        await talk.write(word)
        assert await talk.read() == shouted
    await talk.done_writing()
    assert (await talk.read(), await talk.code()) == (grpc.aio.EOF, grpc.StatusCode.OK)


async def hear_statuses(channel: grpc.aio.Channel) -> None:
    """Statuses in the head, in the trailers, and of a method that is not there."""
    expected = {
        "lose": (grpc.StatusCode.NOT_FOUND, "nothing called é here: 100 %", []),
        "run_out": (grpc.StatusCode.OUT_OF_RANGE, "no more", [b"x"]),
        "missing": (grpc.StatusCode.UNIMPLEMENTED, "no such method", []),
    }
    for name, (code, text, answers) in expected.items():
        call = channel.unary_stream(f"/words/{name}")(b"x", timeout=PATIENCE_SECONDS)
        heard: list[bytes] = []
        with suppress(grpc.aio.AioRpcError):
            async for answer in call:
                heard.append(answer)
        assert (await call.code(), await call.details(), heard) == (code, text, answers)


async def exchange_metadata(channel: grpc.aio.Channel) -> None:
    """Metadata there and back: in the head and behind the messages, twice the same name, and bytes."""
    call = channel.unary_unary("/words/reflect")(b"", metadata=METADATA, timeout=PATIENCE_SECONDS)
    head = [pair for pair in await call.initial_metadata() or () if pair[0].startswith("own-")]
    late = [pair for pair in await call.trailing_metadata() or () if pair[0].startswith("late-")]
    assert sorted(head) == sorted(METADATA)
    assert sorted(late) == sorted((f"late-{name}", value) for name, value in METADATA)


async def leave(channel: grpc.aio.Channel) -> None:
    """Calls that are left: by a deadline, and by a cancellation. The service is told."""
    hang = channel.unary_unary("/words/hang")
    assert await hang(b"", timeout=0.2).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    # The service may not have heard of that call, if the machine was busy; of the next one it has.
    call = hang(b"", timeout=PATIENCE_SECONDS)
    await channel.unary_unary("/words/wait_begun")(b"", timeout=PATIENCE_SECONDS)
    call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED
    await channel.unary_unary("/words/wait_left")(b"", timeout=PATIENCE_SECONDS)


async def main(address: str, certificate: str | None) -> None:
    """All calls over one connection, then say on which loop this was."""
    if certificate is None:
        channel = grpc.aio.insecure_channel(address)
    else:
        trust = grpc.ssl_channel_credentials(Path(certificate).read_bytes())
        channel = grpc.aio.secure_channel(address, trust)
    async with channel:
        await make_calls(channel)
        await hear_statuses(channel)
        await exchange_metadata(channel)
        await leave(channel)
    print(loop_name())


if __name__ == "__main__":
    chosen().run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
