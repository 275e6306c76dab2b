"""A panic of the native code becomes a `PanicException` and leaves the thread as it was.

Only a bug of this library panics by itself. A test provokes a panic by an exception of that class: PyO3 resumes the
panic when native code takes such an exception out of the interpreter.
"""

import pytest
from support import run_python

pytestmark = pytest.mark.vitok_only

PROGRAM = """
import asyncio, contextvars, socket
import vitok
from vitok import _native
from vitok.http.options import native_options

place = contextvars.ContextVar("place", default="outside")
loop = vitok.new_event_loop()


class Hooks:
    def error(self, message, exception):
        print(message, exception)

    def access(self, lines):
        pass


def panic_class():
    try:
        loop.run_until_complete(None)
    except TypeError:
        # PyO3 makes the class when native code takes its first exception.
        return next(one for one in BaseException.__subclasses__() if one.__name__ == "PanicException")


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def make_task(loop, coroutine, **options):
    # The server calls this in the connection's context.
    if place.get() == "connection":
        loop.set_task_factory(None)
        coroutine.close()
        raise Panic("on purpose")
    return asyncio.Task(coroutine, loop=loop, **options)


async def request(address):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n")
    answer = await reader.read()
    writer.close()
    return answer.split(b"\\r\\n")[0].decode()


Panic = panic_class()
http = _native.HttpServer(loop, application, native_options(), Hooks())
context = contextvars.copy_context()
context.run(place.set, "connection")
server = context.run(loop.run_until_complete, loop.create_server(http, "127.0.0.1", 0))
address = server.sockets[0].getsockname()
loop.set_task_factory(make_task)
try:
    loop.run_until_complete(request(address))
except BaseException as error:
    print(type(error).__name__, error)
print(place.get())
print(loop.run_until_complete(request(address)))
server.close_clients()
server.close()
loop.run_until_complete(server.wait_closed())
for task in asyncio.all_tasks(loop):
    task.cancel()
loop.run_until_complete(asyncio.sleep(0))
loop.close()
"""


def test_a_panic_leaves_the_context_that_it_passes() -> None:
    """The context of a connection is exited, so the connection can be ended and the loop can be run again."""
    child = run_python("-c", PROGRAM)
    assert child.returncode == 0, child.stderr
    assert child.stdout.splitlines() == ["PanicException on purpose", "outside", "HTTP/1.1 204 No Content"]
    assert "already entered" not in child.stderr, child.stderr
