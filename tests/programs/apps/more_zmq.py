"""Sockets of pyzmq, which tells the loop by a descriptor that something may have happened: questions and a broadcast.

It knows nothing of who runs it.
"""

import asyncio

import zmq
import zmq.asyncio
from scene import HOST, LARGE_BODY, chosen, loop_name

QUESTIONS = 100
LISTENERS = 5


async def answer(socket: zmq.asyncio.Socket) -> None:
    """Answer each question, in parts."""
    while True:
        *route, question = await socket.recv_multipart()
        await socket.send_multipart([*route, question.upper()])


async def ask(context: zmq.asyncio.Context, port: int) -> None:
    """One client with its questions, and more in flight than the queues take."""
    with context.socket(zmq.DEALER) as socket:
        socket.connect(f"tcp://{HOST}:{port}")
        sending = asyncio.gather(*(socket.send(b"question %d" % number) for number in range(QUESTIONS)))
        answers = [await socket.recv() for _ in range(QUESTIONS)]
        await sending
        assert answers == [b"QUESTION %d" % number for number in range(QUESTIONS)]
        await socket.send(LARGE_BODY)
        assert await socket.recv() == LARGE_BODY.upper()


async def broadcast(context: zmq.asyncio.Context) -> None:
    """One speaker, several listeners, one of which polls."""
    with context.socket(zmq.XPUB) as speaker:
        port = speaker.bind_to_random_port(f"tcp://{HOST}")
        listeners = [context.socket(zmq.SUB) for _ in range(LISTENERS)]
        # The speaker hears of each of them, not only of the first.
        speaker.setsockopt(zmq.XPUB_VERBOSE, 1)
        for listener in listeners:
            listener.connect(f"tcp://{HOST}:{port}")
            listener.subscribe(b"news")
            assert await speaker.recv() == b"\x01news"
        polling = listeners[0].poll()
        await speaker.send(b"weather: rain")
        await speaker.send(b"news: none")
        assert await polling == zmq.POLLIN
        heard = await asyncio.gather(*(listener.recv() for listener in listeners))
        assert heard == [b"news: none"] * LISTENERS
        for listener in listeners:
            listener.close(linger=0)


async def main() -> None:
    """The program, and the last word."""
    context = zmq.asyncio.Context()
    with context.socket(zmq.ROUTER) as server:
        port = server.bind_to_random_port(f"tcp://{HOST}")
        answering = asyncio.create_task(answer(server))
        await asyncio.gather(*(ask(context, port) for _ in range(3)))
        answering.cancel()
        await asyncio.wait([answering])
    await broadcast(context)
    context.term()
    print(loop_name())


if __name__ == "__main__":
    chosen().run(main())
