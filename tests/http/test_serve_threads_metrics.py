"""`vitok serve --threads --metrics`: the numbers of all threads together, and what is told of a thread that hangs.

Sums over workers are in test_serve_metrics_workers.py.
"""

from contextlib import ExitStack
from pathlib import Path

import pytest
from metrics_support import page, scraped, scraped_until, url_of
from served import serving
from threads_support import APP, MAIN, Client, clients_of_all, names, needs_free_threading

pytestmark = [pytest.mark.vitok_only, needs_free_threading]

FOUR = ("--threads", "4", "--metrics", "127.0.0.1:0")
ANSWERED = 'vitok_http_requests_total{status="2xx"}'


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sums_over_threads(workers: str) -> None:
    """A scrape has the requests, connections and turns of every thread, as they are at the moment."""
    with serving(*FOUR, "--workers", workers, app=APP) as served, ExitStack() as stack:
        url = url_of(served)
        clients = []
        seen: set[tuple[int, str]] = set()
        while len(seen) < 4 * int(workers):
            clients.append(Client(served))
            stack.callback(clients[-1].close)
            answer = clients[-1].ask()
            seen.add((answer["process"], answer["thread"]))
        assert {thread for _, thread in seen} == names(4)
        for client in clients:
            client.ask()
        told = scraped(url)
        assert told[ANSWERED] == told["vitok_http_request_duration_seconds_count"] == 2 * len(clients)
        assert told["vitok_http_connections"] == told["vitok_http_connections_accepted_total"] == len(clients)
        assert told["vitok_http_requests_running"] == 0
        assert told['vitok_loop_transports{kind="stream"}'] >= len(clients)
        assert told["vitok_workers"] == int(workers)
        # Of the process, not of each thread.
        assert told["process_resident_memory_bytes"] < 2**30
        before = told["vitok_loop_turns_total"]
        clients[0].ask()
        assert scraped(url)["vitok_loop_turns_total"] > before
        stack.close()
        scraped_until(url, lambda told: told["vitok_http_connections"] == 0)
        assert served.end() == 0


def test_a_thread_that_hangs(gate: Path) -> None:
    """/metrics goes on with its last numbers, and /live names it; both are as before once it goes on."""
    with serving(*FOUR, app=APP, environment={"GATE": str(gate)}) as served, clients_of_all(served, 4) as clients:
        url = url_of(served)
        assert page(url, "/live")[:2] == (200, "alive\n")
        before = scraped(url)[ANSWERED]
        name = sorted(names(4) - {MAIN})[0]
        clients[name].send("/block")
        # The page asks the threads, and one that has answered none of the questions of the last seconds is silent.
        while (found := page(url, "/live"))[0] == 200:
            pass
        assert found[:2] == (503, f"silent: {name}\n")
        assert page(url, "/ready")[0] == 200
        clients[MAIN].ask()
        assert scraped(url)[ANSWERED] == before + 1
        gate.write_bytes(b"")
        clients[name].read()
        while page(url, "/live")[0] != 200:
            pass
        assert scraped(url)[ANSWERED] == before + 2
        assert served.end() == 0
