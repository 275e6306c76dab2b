"""Several loops: in threads at once, one after another a thousand times, and in the child of a `fork()`.

Forks happen in processes of their own, so that no thread of the test runner is forked with them. Calls between threads
are tested in test_call_soon_threadsafe.py.
"""

import asyncio
import gc
import socket
import threading
import weakref

from support import NewLoop, loop_factory, open_descriptors, run_script, turn


def test_two_loops_in_two_threads(new_loop: NewLoop) -> None:
    """Line "Two loops in two threads": each knows itself, its tasks and its timers, and neither disturbs the other."""
    both = threading.Barrier(2)
    results: dict[int, list[object]] = {}

    async def main(number: int) -> list[object]:
        both.wait()
        loop = asyncio.get_running_loop()
        for _ in range(100):
            await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        results[number] = [loop, len(asyncio.all_tasks()), asyncio.current_task() in asyncio.all_tasks()]
        return results[number]

    loops = [new_loop(), new_loop()]
    threads = [threading.Thread(target=loops[number].run_until_complete, args=(main(number),)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {0: [loops[0], 1, True], 1: [loops[1], 1, True]}


def test_two_loops_by_turns_in_one_thread(new_loop: NewLoop) -> None:
    """Line "Two loops in two threads": nothing of one stays behind when the other runs in the same thread."""
    first, second = new_loop(), new_loop()
    ran: list[str] = []
    for _ in range(3):
        first.call_soon(ran.append, "first")
        second.call_soon(ran.append, "second")
        turn(first)
        turn(second)
    assert ran == ["first", "second"] * 3


def test_a_loop_made_in_one_thread_runs_in_another(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Two loops in two threads": a loop belongs to the thread that runs it, not to the one that made it."""
    ran: list[int] = []
    loop.call_soon(lambda: ran.append(threading.get_ident()))
    thread = threading.Thread(target=turn, args=(loop,))
    thread.start()
    thread.join()
    turn(loop)
    loop.call_soon(lambda: ran.append(threading.get_ident()))
    turn(loop)
    assert ran == [thread.ident, threading.get_ident()]


def test_a_running_loop_is_refused_in_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Two loops in two threads": one loop, not two threads in it."""
    errors: list[str] = []

    def run_it_too() -> None:
        try:
            loop.run_forever()
        except RuntimeError as error:
            errors.append(str(error))
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=run_it_too)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert errors == ["This event loop is already running"]


def test_a_thousand_loops_in_a_thousand_threads_leave_nothing(loop_name: str) -> None:
    """Line "a loop per thread started and closed a thousand times: nothing leaks": descriptors, loops, threads."""
    factory = loop_factory(loop_name)
    made: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    def live() -> None:
        loop = factory()
        made.add(loop)
        loop.call_later(3600, print)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    before = open_descriptors()
    for _ in range(1000):
        thread = threading.Thread(target=live)
        thread.start()
        thread.join()
    gc.collect()
    assert len(made) == 0
    assert open_descriptors().keys() == before.keys()
    assert threading.active_count() == 1


def test_a_thousand_loops_at_work_in_eight_threads_leave_nothing(loop_name: str) -> None:
    """Issue 14, item 4: the same for loops that listen, connect, look names up, have a pool and end with work left."""
    factory = loop_factory(loop_name)
    made: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        await loop.getaddrinfo("localhost", port)
        assert await loop.run_in_executor(None, int, "1") == 1
        loop.call_later(3600, print)

    def live() -> None:
        for _ in range(125):
            with asyncio.Runner(loop_factory=factory) as runner:
                made.add(runner.get_loop())
                runner.run(work())

    before, threads = open_descriptors(), [threading.Thread(target=live) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert len(made) == 0
    assert open_descriptors().keys() == before.keys()


def test_a_thousand_loops_leave_no_memory_behind(loop_name: str) -> None:
    """Line "a loop per thread started and closed a thousand times: nothing leaks": memory, of a process of its own."""
    grown = run_script(
        loop_name,
        """
        import asyncio, threading
        def live():
            loop = new_loop()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        def lives(count):
            for _ in range(count):
                thread = threading.Thread(target=live)
                thread.start()
                thread.join()
        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096
        lives(200)
        before = resident()
        lives(1000)
        print(resident() - before)
        """,
    )
    # asyncio's own grows by a page or none; two KiB for each loop leave room for the allocator, and for no buffer.
    assert int(grown) < 2 * 1024 * 1000


def test_many_loops_at_once(new_loop: NewLoop) -> None:
    """Line "Two loops in two threads": a hundred loops open at once, each with a descriptor it watches."""
    loops = [new_loop() for _ in range(100)]
    pairs = [socket.socketpair() for _ in loops]
    ran: list[int] = []
    for number, (loop, (ours, peer)) in enumerate(zip(loops, pairs, strict=True)):

        def read(loop: asyncio.AbstractEventLoop = loop, number: int = number, ours: socket.socket = ours) -> None:
            ran.append(number)
            loop.remove_reader(ours)
            loop.stop()

        loop.add_reader(ours, read)
        peer.send(b"x")
    for loop in loops:
        loop.run_forever()
    assert ran == list(range(100))
    for ours, peer in pairs:
        ours.close()
        peer.close()


def test_a_new_loop_after_fork_in_the_child(loop_name: str) -> None:
    """Line "a loop after `fork()` in the child": the parent had a loop of its own, not running at the time."""
    output = run_script(
        loop_name,
        """
        import asyncio, os, sys
        async def answer(what):
            await asyncio.sleep(0.001)
            return what
        loop = new_loop()
        assert loop.run_until_complete(answer("parent")) == "parent"
        child = os.fork()
        if not child:
            mine = new_loop()
            print(mine.run_until_complete(answer("child")), flush=True)
            mine.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(loop.run_until_complete(answer("parent again")))
        loop.close()
        """,
    )
    assert output == "child\nparent again\n"


def test_fork_within_a_running_loop(loop_name: str) -> None:
    """Line "a loop after `fork()` in the child": from within a callback; no loop runs in the child, so a new one may.

    The parent's loop goes on, with its timers, its watchers and its wake-up, whatever the child's loop did.
    """
    output = run_script(
        loop_name,
        """
        import asyncio, os, socket, threading
        loop = new_loop()
        ours, peer = socket.socketpair()
        def in_child():
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                print("child: no loop runs", flush=True)
            mine = new_loop()
            mine.call_soon_threadsafe(mine.stop)
            mine.run_forever()
            mine.close()
            print("child: ran one of its own", flush=True)
            os._exit(0)
        async def main():
            readable = loop.create_future()
            loop.add_reader(ours, readable.set_result, None)
            child = os.fork()
            if not child:
                in_child()
            assert os.waitpid(child, 0)[1] == 0
            assert asyncio.get_running_loop() is loop
            await asyncio.sleep(0.001)
            peer.send(b"x")
            await readable
            loop.remove_reader(ours)
            woken = loop.create_future()
            thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set_result, None))
            thread.start()
            await woken
            thread.join()
            print("parent: goes on")
        loop.run_until_complete(main())
        loop.close()
        """,
    )
    assert output == "child: no loop runs\nchild: ran one of its own\nparent: goes on\n"


def test_fork_in_a_thread_while_a_loop_runs_in_another(loop_name: str) -> None:
    """Line "a loop after `fork()` in the child": `multiprocessing` by fork, from the pool of a loop that runs."""
    output = run_script(
        loop_name,
        """
        import asyncio, multiprocessing
        def work(queue):
            async def main():
                await asyncio.sleep(0.001)
                return "from the child"
            loop = new_loop()
            queue.put(loop.run_until_complete(main()))
            loop.close()
        def spawn():
            context = multiprocessing.get_context("fork")
            queue = context.SimpleQueue()
            process = context.Process(target=work, args=(queue,))
            process.start()
            answer = queue.get()
            process.join()
            return answer
        loop = new_loop()
        print(loop.run_until_complete(loop.run_in_executor(None, spawn)))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        """,
        "-W",
        "ignore::DeprecationWarning",
    )
    assert output == "from the child\n"
