"""Checks the load generator against wrk: both ask the same server, in turn, and must find the same rate within 5 %.

Run `python check_load.py` on Linux with wrk installed. The server is slow on purpose (Python, on asyncio's own loop),
so that neither client limits the rate; a second one, in Rust, shows the cost of the clients themselves. wrk uses a
closed loop, so that is what is compared; its latencies omit the requests that it did not send while it waited, as in
every closed loop.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vitok_bench import load_generator
from vitok_bench.child import Child
from vitok_bench.machine import default_client_core, default_core

HOST: Final = "127.0.0.1"
TOLERANCE: Final = 0.05
ROUNDS: Final = 9
SECONDS: Final = 1
CONNECTIONS: Final = 32
# The number of requests under way on each connection.
DEPTHS: Final = (1, 8)
BODY_BYTES: Final = 13
LIMIT_S: Final = 30
# wrk pipelines by a script: one call writes that many requests.
SCRIPT: Final = """
init = function(args)
  local requests = {}
  for i = 1, DEPTH do requests[i] = wrk.format() end
  pipelined = table.concat(requests)
end
request = function() return pipelined end
"""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The rates of the two clients, round by round."""

    name: str
    wrk: list[float]
    ours: list[float]

    @property
    def ratio(self) -> float:
        return statistics.median(ours / wrk for ours, wrk in zip(self.ours, self.wrk, strict=True))

    @property
    def is_close(self) -> bool:
        return abs(self.ratio - 1) <= TOLERANCE


def main() -> None:
    """Compare the clients. The exit code is 1 if they differ by more."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    binary = load_generator.find_or_build()
    core = default_core()
    pinned = [] if core is None else ["--core", str(core)]
    serving = [sys.executable, "-m", "vitok_bench.serving", "--loop", "asyncio", "--family", "http"]
    raw = [str(binary), "raw", "--mode", "http", "--answer", str(BODY_BYTES)]
    found = [
        *_compare("asyncio", [*serving, *pinned], binary),
        *_compare("raw", [*raw, *pinned], binary),
    ]
    print(f"requests per second, {CONNECTIONS} connections, medians of {ROUNDS} rounds of {SECONDS} s")
    print(f"{'':24}{'wrk':>10}{'vitok-load':>12}{'ratio':>8}")
    for one in found:
        wrk, ours = statistics.median(one.wrk), statistics.median(one.ours)
        print(f"{one.name:24}{wrk:>10.0f}{ours:>12.0f}{one.ratio:>8.3f}{'' if one.is_close else '  apart'}")
    if not all(one.is_close for one in found if one.name.startswith("asyncio")):
        raise SystemExit(1)


def _compare(name: str, command: list[str], binary: Path) -> list[Comparison]:
    server = Child(command)
    try:
        address = f"{HOST}:{server.start()['port']}"
        return [
            _in_turn(f"{name}, {depth} under way", _by_wrk(address, depth), _by_ours(binary, address, depth))
            for depth in DEPTHS
        ]
    finally:
        server.close()


def _in_turn(name: str, wrk: Callable[[], float], ours: Callable[[], float]) -> Comparison:
    pairs = [(wrk(), ours()) for _ in range(ROUNDS)]
    return Comparison(name=name, wrk=[one for one, _ in pairs], ours=[one for _, one in pairs])


def _by_wrk(address: str, depth: int) -> Callable[[], float]:
    def run() -> float:
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(SCRIPT.replace("DEPTH", str(depth)))
            script.flush()
            command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s"]
            scripted = ["-s", script.name] if depth > 1 else []
            said = _run([*_pinned(), *command, *scripted, f"http://{address}/"])
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if found is None or "Socket errors" in said or "Non-2xx" in said:
            sys.exit(f"wrk had errors:\n{said}")
        return float(found[1])

    return run


def _by_ours(binary: Path, address: str, depth: int) -> Callable[[], float]:
    options = ["--connect", address, "--connections", str(CONNECTIONS), "--pipeline", str(depth)]

    def run() -> float:
        said = json.loads(_run([*_pinned(), str(binary), "http", *options, "--seconds", str(SECONDS)]))
        return float(said["operations"] / said["seconds"])

    return run


def _pinned() -> list[str]:
    core = default_client_core()
    return [] if core is None else ["taskset", "-c", str(core)]


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout


if __name__ == "__main__":
    main()
