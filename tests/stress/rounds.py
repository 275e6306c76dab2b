"""Rounds of the stress: each has its seed, runs several scenarios at once, and checks what is left at its end.

A round that takes too long is a deadlock: the stacks of all threads are written and the process ends. A round that
fails is the last one.
"""

import faulthandler
import importlib
import logging
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from random import Random

from . import connecting, leaks, living, misusing, posting, serving, sharing, timing, working
from .context import Context, Faults, Loops, Settings
from .disturbing import Disturbance

Scenario = Callable[[Context], None]
_SCENARIOS = tuple(
    scenario for module in (posting, timing, working, living, misusing, connecting) for scenario in module.SCENARIOS
)
# These use what only vitok has, or does without the GIL.
_OWN_SCENARIOS = (*sharing.VITOK_SCENARIOS, *serving.SCENARIOS)


def scenarios(loop_name: str) -> dict[str, Scenario]:
    """Return all scenarios that this kind of loop can run, by name."""
    chosen = (*_SCENARIOS, *_OWN_SCENARIOS) if loop_name == "vitok" else _SCENARIOS
    return {scenario.__name__: scenario for scenario in sorted(chosen, key=lambda scenario: scenario.__name__)}


class _Log(logging.Handler):
    """The errors in asyncio's log, each of which is a fault."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(logging.ERROR)
        self._faults = faults

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self._faults.add("log", self.format(record))


class Run:
    """A run of rounds, from the options of the command line."""

    def __init__(self, options: Namespace, folder: Path) -> None:
        new_loop = importlib.import_module(options.loop).new_event_loop
        self._settings = Settings(new_loop, options.loop, folder, options.size, options.patience)
        self._options = options
        self._scenarios = scenarios(options.loop)
        if options.only:
            self._scenarios = {name: self._scenarios[name] for name in options.only}
        self._history = folder / "history"

    def run(self) -> int:
        """Run rounds until the time is up. Return the exit code."""
        if connecting.has_openssl():
            connecting.make_certificate(self._settings.folder)
        living.prepare(self._options.loop)
        began, number = time.monotonic(), 0
        before = leaks.count(patience=self._settings.patience)
        while not number or self._goes_on(number, time.monotonic() - began):
            seed = f"{self._options.seed}/{number}" if self._options.round is None else self._options.round
            print(f"round {seed}", flush=True)
            faults = self._round(seed)
            after = leaks.count(patience=self._settings.patience)
            if number and not self._options.without_leaks:
                # The first round makes what stays for the rest of the process.
                faults.texts += leaks.left_by_a_round(before, after)
            before = after
            leaks.keep(after, self._history)
            if faults.texts:
                return self._fail(seed, faults.texts)
            number += 1
        grown = [] if self._options.without_leaks else leaks.growth_in(self._history)
        if grown:
            return self._fail(f"{self._options.seed}/0 to {number - 1}", grown)
        print(f"{number} rounds, {before.resident // 2**20} MiB, {len(before.descriptors)} descriptors", flush=True)
        return 0

    def _goes_on(self, number: int, seconds: float) -> bool:
        if self._options.rounds:
            return number < int(self._options.rounds)
        return seconds < float(self._options.seconds)

    def _fail(self, seed: str, texts: list[str]) -> int:
        for text in texts[:20]:
            print(f"stress: {text}", file=sys.stderr)
        if len(texts) > 20:
            print(f"stress: and {len(texts) - 20} more", file=sys.stderr)
        print(f"stress: round {seed} failed", file=sys.stderr, flush=True)
        return 1

    def _round(self, seed: str) -> Faults:
        """Run one round, in the main thread its loop of signals and everything else beside it."""
        random, faults, loops = Random(seed), Faults(), Loops()
        log, handler = logging.getLogger("asyncio"), _Log(faults)
        log.addHandler(handler)
        log.propagate = False
        faulthandler.dump_traceback_later(4 * self._settings.patience, exit=True)
        try:
            main = Context(self._settings, "main", f"{seed}/main", faults, loops)
            signals = living.Signals(main)
            chosen = self._choose(random, seed)
            if not self._options.only:
                chosen.append(("signals", signals.send))
            contexts = [
                Context(self._settings, name, f"{seed}/{place}", faults, loops)
                for place, (name, _) in enumerate(chosen)
            ]

            def work() -> None:
                disturbance = Disturbance(main)
                for context, (_, scenario) in zip(contexts, chosen, strict=True):
                    context.begin(scenario)
                for context in contexts:
                    context.wait()
                disturbance.end()

            signals.run(work)
        finally:
            faulthandler.cancel_dump_traceback_later()
            log.removeHandler(handler)
        return faults

    def _choose(self, random: Random, seed: str) -> list[tuple[str, Scenario]]:
        """The scenarios of a round: one may be there twice.

        The first is the next one in the order of their names, so that as many rounds as there are scenarios run all of
        them: what they import and keep for good is there before growth is looked for.
        """
        names = list(self._scenarios)
        turn = seed.rpartition("/")[2]
        first = names[int(turn) % len(names)] if turn.isdecimal() else random.choice(names)
        chosen = [first, *random.choices(names, k=random.randint(0, self._options.at_once - 1))]
        return [(name, self._scenarios[name]) for name in chosen]
