"""Applications that fail by an exception, by returning too early or by not being applications; fatal exceptions.

Invalid messages are tested in test_asgi_misuse.py.
"""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import body, sends, start
from asgi_places import Place
from asgi_support import BLOCK, GET, Gate, request, respond, serving
from support import run_script
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]


class Mistake(Exception):
    """What applications raise here."""


@pytest.mark.parametrize("waits", [False, True])
def test_an_exception_before_the_response(waits: bool) -> None:
    """The client gets 500 and the connection closes; the exception itself is told."""
    mistake = Mistake("mine")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if waits:
            await asyncio.sleep(0)
        raise mistake

    with serving(application) as site:
        client = site.connect()
        answer = client.ask()
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
        assert client.ends_after(answer)
        assert site.hooks.take() == [("Exception in ASGI application", mistake)]


def test_an_exception_after_the_start() -> None:
    """If the head has not left yet the client gets 500, otherwise it sees by the framing that there is more to come."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        if scope["path"] == "/late":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        raise Mistake

    with serving(application) as site:
        client = site.connect()
        client.send(request("/late"))
        head = client.head()
        assert head.status == 200
        assert client.has_no_length(head)
        assert client.cut() == b""
        client = site.connect()
        client.send(request("/early"))
        assert client.head().status in (200, 500)
        client.drain()
        assert [type(error) for _, error in site.hooks.take()] == [Mistake] * 2


def test_an_exception_in_the_middle() -> None:
    """A response that fails in the middle is cut: its content has no end."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"part", True))
        raise Mistake

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        assert client.cut() == b"part"
        assert [type(error) for _, error in site.hooks.take()] == [Mistake]


@http1_only("pipelining")
def test_an_exception_in_the_middle_of_a_pipeline() -> None:
    """A response that fails in the middle is cut: no end of the chunks, no further request on the connection."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"part", True))
        raise Mistake

    with serving(application) as site:
        client = site.connect()
        client.send(GET + GET)
        text = client.end()
        assert text.endswith(b"\r\n\r\n4\r\npart\r\n")
        assert site.http.requests == 1
        assert [type(error) for _, error in site.hooks.take()] == [Mistake]


@http1_only("content that ends with the connection")
def test_a_response_to_1_0_that_fails_in_the_middle(place: Place) -> None:
    """Its content ends with the connection: only a reset tells the client that this is not all."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"part", True))
        await asyncio.sleep(0)
        raise Mistake

    with serving(application, **place.options) as site:
        with pytest.raises(ConnectionResetError):
            place.exchange(site, request(version="1.0"))
        assert [type(error) for _, error in site.hooks.take()] == [Mistake]


def test_an_exception_after_the_response() -> None:
    """An exception after the response is told, and the connection is none the worse."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)
        raise Mistake

    with serving(application) as site:
        client = site.connect()
        assert [client.ask().status for _ in range(2)] == [200, 200]
        site.turn()
        assert [type(error) for _, error in site.hooks.take()] == [Mistake] * 2


@pytest.mark.parametrize("messages", [[], [start()]])
def test_returning_without_a_response(messages: list[Any]) -> None:
    """An application that returns without a response is told of, and the client gets 500."""
    with serving(sends(*messages)) as site:
        client = site.connect()
        client.send(GET)
        status = client.head().status
        assert status == 500 or messages
        client.drain()
        [(message, error)] = site.hooks.take()
        assert message.startswith("The ASGI application returned")
        assert error is None


def test_returning_in_the_middle() -> None:
    """An application that returns in the middle of its response is told of, and the response is cut."""
    with serving(sends(start(), body(b"part", True))) as site:
        client = site.connect()
        client.send(GET)
        assert client.cut() == b"part"
        assert site.hooks.take() == [("The ASGI application returned in the middle of its response", None)]


def test_returning_after_the_client_has_left() -> None:
    """An application that returns without a response because its client is gone has done nothing wrong."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: site.http.running)
        client.close()
        site.wait(lambda: site.http.running == 0)


@pytest.mark.parametrize("value", [None, 17, "text", [], asyncio.Event])
def test_applications_that_are_not_async(value: Any) -> None:
    """What a call gives must be a coroutine; anything else is a TypeError and a 500."""
    with serving(lambda scope, receive, send: value) as site:
        client = site.connect()
        assert client.ask().status == 500
        [(message, error)] = site.hooks.take()
        assert message == "Exception in ASGI application"
        assert isinstance(error, TypeError)


def test_an_application_of_the_wrong_form() -> None:
    """An application of ASGI 2, which takes one argument, is a TypeError and a 500 at each request."""

    def application(scope: Any) -> Any:
        raise AssertionError

    with serving(application) as site:
        assert site.ask().status == 500
        [(_, error)] = site.hooks.take()
        assert isinstance(error, TypeError)


def test_an_application_that_is_cancelled() -> None:
    """A request whose task is cancelled is answered with 500, and nobody is told: it was no mistake."""
    gate = Gate()
    tasks: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.current_task())
        await gate.wait()

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        tasks[0].cancel()
        answer = client.answer()
        assert answer.status == 500
        assert client.ends_after(answer)


def test_an_application_that_raises_cancelled_error() -> None:
    """`CancelledError` that an application raises by itself is treated alike."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    with serving(application) as site:
        assert site.ask().status == 500


@pytest.mark.parametrize("kind", [GeneratorExit, BaseException, StopIteration, StopAsyncIteration])
def test_odd_exceptions(kind: type[BaseException]) -> None:
    """Exceptions of the odd kinds are told as any other, and others are served."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/well":
            await respond(send)
            return
        raise kind

    with serving(application) as site:
        assert site.ask().status == 500
        [(_, error)] = site.hooks.take()
        assert error is not None
        assert site.ask(request("/well")).status == 200


def test_an_application_that_is_cancelled_while_it_sends_a_file(tmp_path: Path) -> None:
    """The cancellation of a request that sends a file is a cancellation, not the client's leaving."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    errors: list[BaseException] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        try:
            await send({"type": "http.response.pathsend", "path": str(path)})
        except BaseException as error:
            errors.append(error)
            raise

    with serving(application) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        client.head()
        site.turn()
        site.http.cancel_requests()
        site.wait(lambda: site.http.running == 0)
        assert [type(error) for error in errors] == [asyncio.CancelledError]
        client.drain()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("when", ["at once", "later", "in the call", "after start"])
def test_exceptions_that_leave_the_loop(kind: type[BaseException], when: str) -> None:
    """KeyboardInterrupt and SystemExit leave `run_forever`, wherever an application raises them; the loop can go on."""

    def application(scope: Any, receive: Any, send: Any) -> Any:
        if scope["path"] == "/well":
            return respond(send, b"well")
        if when == "in the call":
            raise kind("now")
        return raising(send)

    async def raising(send: Any) -> None:
        if when == "after start":
            await send(start())
        if when != "at once":
            await asyncio.sleep(0)
        raise kind("now")

    with serving(application) as site:
        client = site.connect()
        client.offer(GET)
        with pytest.raises(kind, match="now"):
            site.loop.run_until_complete(asyncio.sleep(5))
        assert site.ask(request("/well")).body == b"well"
        client.drain()
        site.wait(lambda: site.http.running == 0)
        # Of a task whose first step raises it nobody hears but the loop, as with asyncio's eager tasks.
        gc.collect()
        site.reports[:] = [report for report in site.reports if not isinstance(report.get("exception"), kind)]


def test_errors_of_the_hooks() -> None:
    """A hook that raises does not take the connection with it for ever: it is closed, and others are served."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/well":
            await respond(send)
            return
        raise Mistake

    with serving(application) as site:

        def error(message: str, exception: BaseException | None) -> None:
            raise LookupError("in the hook")

        site.hooks.error = error  # type: ignore[method-assign]
        client = site.connect()
        client.send(GET)
        client.drain()
        assert site.ask(request("/well")).status == 200
        assert [type(report["exception"]) for report in site.reports] == [LookupError]
        site.reports.clear()


def test_an_error_that_goes_back_to_the_client_leaving() -> None:
    """`send()` to a client that has gone raises an OSError, which is not told when the application lets it through."""
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        try:
            while True:
                await send(body(bytes(BLOCK), True))
        except OSError as error:
            errors.append(error)
            raise

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        client.head()
        client.reset()
        site.wait(lambda: site.http.running == 0)
        assert len(errors) == 1
        assert site.http.connections == 0


@http1_only("a script with a client of its own")
def test_a_server_in_a_loop_that_ends() -> None:
    """A loop that is closed with requests running says what asyncio says of pending tasks, and nothing else."""
    script = """
    import asyncio, socket, gc
    from vitok import _native
    from vitok.http.options import native_options

    class Hooks:
        def error(self, message, exception):
            print("error", message, exception)

    async def application(scope, receive, send):
        print("begins")
        try:
            await asyncio.sleep(100)
        finally:
            print("ends")

    async def main():
        loop = asyncio.get_running_loop()
        # Development mode would report what takes long on a busy machine.
        loop.slow_callback_duration = 60
        http = _native.HttpServer(loop, application, native_options(), Hooks())
        server = await loop.create_server(http, "127.0.0.1", 0)
        global client
        client = socket.create_connection(server.sockets[0].getsockname())
        client.sendall(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
        while not http.running:
            await asyncio.sleep(0.001)
        server.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    client.close()
    gc.collect()
    print("over")
    """
    output = run_script("vitok", script, "-X", "dev", "-W", "ignore::ResourceWarning")
    assert output.split() == ["begins", "ends", "over"]
