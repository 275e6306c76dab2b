"""A server and a client of grpc.aio in one program: one answer, streams in both directions, a deadline, a cancellation.

Its messages are bytes, so no compiler of messages is needed. It knows nothing of who runs it.
"""

import asyncio
from collections.abc import AsyncIterator

import grpc
from scene import HOST, LARGE_BODY, chosen, loop_name

CALLS = 50
# All calls have ended by then.
GRACE_SECONDS = 10
WORDS = [b"word %d" % number for number in range(CALLS)]


async def shout(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    """One answer to one request."""
    await asyncio.sleep(0)
    return request.upper()


async def shout_each(
    requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]
) -> AsyncIterator[bytes]:
    """An answer to each request of a stream."""
    async for request in requests:
        yield request.upper()


class Hanging:
    """A method without an answer, and what there is to know of its calls."""

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)
        self.ended = asyncio.Semaphore(0)

    async def answer(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """No answer."""
        self.begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.release()
        return b""


async def serve(hanging: Hanging) -> tuple[grpc.aio.Server, int]:
    """A server on a port that the kernel chooses."""
    server = grpc.aio.server()
    handlers = {
        "shout": grpc.unary_unary_rpc_method_handler(shout),
        "shout_each": grpc.stream_stream_rpc_method_handler(shout_each),
        "hang": grpc.unary_unary_rpc_method_handler(hanging.answer),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("words", handlers),))
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    return server, port


async def call(channel: grpc.aio.Channel, hanging: Hanging) -> None:
    """The calls of a client. One that the server has not begun when it is cancelled makes grpc log that."""
    shouted = await asyncio.gather(*(channel.unary_unary("/words/shout")(word) for word in WORDS))
    assert shouted == [word.upper() for word in WORDS]
    assert await channel.unary_unary("/words/shout")(LARGE_BODY) == LARGE_BODY.upper()

    async def each() -> AsyncIterator[bytes]:
        for word in WORDS:
            yield word

    assert [answer async for answer in channel.stream_stream("/words/shout_each")(each())] == shouted
    try:
        await channel.unary_unary("/words/hang")(b"", timeout=0.5)
    except grpc.aio.AioRpcError as failure:
        code = failure.code()
    else:
        code = grpc.StatusCode.OK
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    await hanging.ended.acquire()
    await hanging.begun.acquire()
    cancelled = channel.unary_unary("/words/hang")(b"")
    await hanging.begun.acquire()
    cancelled.cancel()
    assert await cancelled.code() is grpc.StatusCode.CANCELLED
    await hanging.ended.acquire()


async def main() -> None:
    """The program, and the last word."""
    hanging = Hanging()
    server, port = await serve(hanging)
    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
        await call(channel, hanging)
    # Without a grace the server cancels what may be left, and grpc logs that as an error if it reaches the client's end
    # of a connection before that has gone.
    await server.stop(GRACE_SECONDS)
    print(loop_name())


if __name__ == "__main__":
    chosen().run(main())
