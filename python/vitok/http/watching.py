"""The files of an application that is being developed: which are watched, and which of them have changed.

A scan lists the watched files with their times and sizes, and two scans tell what has changed. A thread scans when
watchfiles (https://watchfiles.helpmanual.io) reports a change in a watched folder, or regularly if it is not installed.
So a report only wakes the thread: what it means is decided in one way. What follows from a change is not known here.
"""

from __future__ import annotations

import importlib
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from fnmatch import translate
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from .log import Log
from .options import OptionError, Options

# What is watched, beside the patterns of the options.
_SOURCES = "*.py"
# Folders that have no source of an application, and often very many files.
_NEVER = frozenset({"__pycache__", "node_modules"})
# The file that makes a folder a virtual environment (https://docs.python.org/3/library/venv.html).
_ENVIRONMENT = "pyvenv.cfg"
# Time of the content, time of the file, size, and the number of the file, which another one of this name does not have.
Stamp = tuple[int, int, int, int]
# The shortest pause between two scans, and how much longer than a scan the pause is: a tenth of a core at most.
_PAUSE_SECONDS = 0.05
_PAUSE_FACTOR = 10.0
# A scan that takes longer than this is worth a word.
_LONG_SECONDS = 1.0
# How often watchfiles looks at what the kernel has reported, and how long it gathers reports, in milliseconds.
_STEP_MS, _GATHER_MS = 50, 200
# Files are looked at after this time even without a report: no kernel reports what another machine changes.
_UNREPORTED_MS = 5000
# The time for the thread to end: that of a scan and a step.
_END_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """One file: "changed", "added" or "removed"."""

    path: str
    what: str


@dataclass(slots=True)
class Scan:
    """The state of the watched files at one time."""

    files: dict[str, Stamp] = field(default_factory=dict[str, Stamp])
    folders: set[str] = field(default_factory=set[str])
    """All folders that have such files, or could get some."""

    def since(self, before: Scan) -> list[Change]:
        """Return what has changed since an earlier scan, ordered by path."""
        found = [Change(path, "removed") for path in before.files.keys() - self.files.keys()]
        for path, stamp in self.files.items():
            if path not in before.files:
                found.append(Change(path, "added"))
            elif stamp != before.files[path]:
                found.append(Change(path, "changed"))
        return sorted(found, key=lambda change: change.path)


def folders_of(app: str, options: Options) -> list[Path]:
    """Return the folders to watch: those of the options, or that of the application. OptionError if one is missing."""
    if options.reload_dirs:
        for folder in options.reload_dirs:
            if not Path(folder).is_dir():
                raise OptionError(f"--reload-dir: {folder!r} is not a folder")
        return [Path(folder).resolve() for folder in options.reload_dirs]
    found = [Path(options.app_dir or ".").resolve()]
    place = _place_of(app.partition(":")[0].partition(".")[0], [str(found[0]), *sys.path])
    if place is not None and not any(place.is_relative_to(folder) for folder in found):
        found.append(place)
    return found


class Files:
    """The files to watch: those below these folders whose names match the patterns.

    Patterns are those of `fnmatch`. One without a slash is for names, one with a slash for paths, in a watched folder
    or from the current one; it may begin anywhere with `**/`. A hidden file needs a pattern that begins with a dot.
    """

    def __init__(self, folders: Iterable[Path], includes: Sequence[str] = (), excludes: Sequence[str] = ()) -> None:
        self.roots: list[str] = [str(folder) for folder in folders]
        self._included = Patterns((_SOURCES, *includes))
        self._hidden = Patterns([one for one in includes if Path(one).name.startswith(".")])
        self._excluded = Patterns(excludes)
        # The files that symbolic links lead to.
        self._targets: set[str] = set()

    def scan(self) -> Scan:
        """Look at all of them. What can't be read is as good as missing."""
        found = Scan()
        self._targets = set()
        seen: set[tuple[int, int]] = set()
        for root in self.roots:
            waiting = [root]
            while waiting:
                folder = waiting.pop()
                try:
                    status = os.stat(folder)  # noqa: PTH116 - thousands of them
                    # The same folder by another way, perhaps through itself.
                    if (status.st_dev, status.st_ino) in seen:
                        continue
                    seen.add((status.st_dev, status.st_ino))
                    with os.scandir(folder) as entries:
                        listed = sorted(entries, key=lambda entry: entry.name)
                except OSError:
                    continue
                if folder == root or not any(entry.name == _ENVIRONMENT for entry in listed):
                    found.folders.add(folder)
                    waiting += self._look(root, listed, found)
        return found

    def concerns(self, path: str) -> bool:
        """Return whether a reported path may be a watched file, or a folder with some."""
        if path in self._targets or path in self.roots:
            return True
        for root in self.roots:
            if path.startswith(f"{root}/"):
                return self._is_file(root, path) or self._is_folder(root, path)
        return False

    def _look(self, root: str, entries: Iterable[os.DirEntry[str]], found: Scan) -> Iterator[str]:
        """Add the files of one folder, and return its folders."""
        for entry in entries:
            try:
                if entry.is_dir():
                    if self._is_folder(root, entry.path):
                        yield entry.path
                elif self._is_file(root, entry.path):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        found.files[entry.path] = _stamp(status)
                        if entry.is_symlink():
                            target = os.path.realpath(entry.path)
                            self._targets.add(target)
                            found.folders.add(os.path.dirname(target))  # noqa: PTH120
            except OSError:
                # It has gone meanwhile, or is a link that leads nowhere.
                continue

    def _is_folder(self, root: str, path: str) -> bool:
        name = path.rpartition("/")[2]
        return not (name.startswith(".") or name in _NEVER or self._excluded.match(root, path))

    def _is_file(self, root: str, path: str) -> bool:
        name = path.rpartition("/")[2]
        included = self._hidden if name.startswith(".") else self._included
        return included.match(root, path) and not self._excluded.match(root, path)


class Patterns:
    """Patterns of names and of paths."""

    def __init__(self, patterns: Iterable[str]) -> None:
        names: list[str] = []
        paths: list[str] = []
        for pattern in patterns:
            plain = pattern.rstrip("/")
            if "/" not in plain:
                names.append(translate(plain))
            else:
                plain = plain.removeprefix("./")
                # In a watched folder, and from the current one; absolute ones stay as they are.
                paths += [translate(f"/{plain.lstrip('/')}"), translate(str(Path.cwd() / plain))]
        self._names = re.compile("|".join(names)) if names else None
        self._paths = re.compile("|".join(paths)) if paths else None

    def match(self, root: str, path: str) -> bool:
        """Return whether any of them matches a path in this folder."""
        if self._names is not None and self._names.match(path.rpartition("/")[2]):
            return True
        return self._paths is not None and bool(self._paths.match(path[len(root) :]) or self._paths.match(path))


class Watcher:
    """Watches in a thread, from the moment it is made."""

    def __init__(self, files: Files, delay: float, log: Log) -> None:
        """Changes are reported once nothing has changed for `delay` seconds."""
        self._files = files
        self._delay = max(delay, _PAUSE_SECONDS)
        self._log = log
        self._on_change: Callable[[list[Change]], object] = _ignore
        self._stopped = threading.Event()
        self._seconds = 0.0
        self._notify = _notify_class()
        self.how = "their times" if self._notify is None else "watchfiles"
        """What the changes are noticed by, in a word."""
        self._known = self._scan()
        if self._seconds > _LONG_SECONDS:
            log.logger.warning(
                "looking at %d files takes %.1f s: --reload-dir and --reload-exclude make them fewer",
                len(self._known.files),
                self._seconds,
            )
        self._thread = threading.Thread(target=self._run, name="vitok reload", daemon=True)

    def start(self, on_change: Callable[[list[Change]], object]) -> None:
        """Call this in the thread for changes from here on, also those since this was made."""
        self._on_change = on_change
        self._thread.start()

    def stop(self) -> None:
        """Report nothing more."""
        self._stopped.set()
        self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            folders = self._known.folders
            with self._reports_of(folders) as reports:
                # What has changed before the reports began is seen by the next scan.
                while not self._stopped.is_set() and self._known.folders == folders:
                    self._compare()
                    if self._known.folders == folders:
                        self._wait(reports)

    def _compare(self) -> None:
        """Scan, and report what has changed once that stays as it is."""
        current = self._scan()
        if current.files != self._known.files:
            while not self._stopped.wait(self._delay):
                again = self._scan()
                if again.files == current.files:
                    break
                current = again
            if not self._stopped.is_set() and (changes := current.since(self._known)):
                self._on_change(changes)
        self._known = current

    def _wait(self, reports: Any) -> None:
        """Wait until something may have changed."""
        if reports is None:
            self._stopped.wait(max(self._delay, _PAUSE_FACTOR * self._seconds))
            return
        while True:
            told = reports.watch(_GATHER_MS, _STEP_MS, _UNREPORTED_MS, self._stopped)
            # A word says that the time is over, or that this has been stopped.
            if isinstance(told, str) or any(self._files.concerns(path) for _, path in told):
                return

    def _scan(self) -> Scan:
        began = time.monotonic()
        found = self._files.scan()
        self._seconds = time.monotonic() - began
        return found

    def _reports_of(self, folders: set[str]) -> AbstractContextManager[Any]:
        """Return what reports changes in these folders, or None if there is no such thing."""
        existing = sorted(folder for folder in folders if Path(folder).is_dir())
        if self._notify is None or not existing:
            return nullcontext()
        try:
            reports: AbstractContextManager[Any] = self._notify(existing, False, False, 0, False, True)
        except FileNotFoundError:
            # One of them has gone meanwhile; the next scan knows.
            return nullcontext()
        except Exception as error:
            # The kernel's limit on watched folders (inotify(7)), or a version with other arguments.
            self._notify, self.how = None, "their times"
            self._log.logger.warning("watchfiles can't watch (%s): looking at the times of files instead", error)
            return nullcontext()
        return reports


def _ignore(_: list[Change]) -> None:
    """Do nothing."""


def _notify_class() -> Any:
    """Return the class of watchfiles that reports changes, or None to look at the times of files instead."""
    wish = os.environ.get("WATCHFILES_FORCE_POLLING", "").lower()
    if wish not in ("", "false", "disable", "disabled") or (not wish and "microsoft" in os.uname().release.lower()):
        # Windows does not report what it changes in folders that WSL has from it.
        return None
    try:
        # Not its function watch(), which begins to watch at an unknown time after its call.
        return importlib.import_module("watchfiles._rust_notify").RustNotify
    except (ImportError, AttributeError):
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _place_of(module: str, path: list[str]) -> Path | None:
    """Return the folder of a package or module that the path leads to, without importing it. None if it is installed
    or missing.
    """
    found = PathFinder.find_spec(module, path)
    if found is None:
        return None
    places = list(found.submodule_search_locations or ())
    if not places and found.origin is not None and found.has_location:
        places = [str(Path(found.origin).parent)]
    if not places or any(part in ("site-packages", "dist-packages") for part in Path(places[0]).parts):
        return None
    return Path(places[0]).resolve()
