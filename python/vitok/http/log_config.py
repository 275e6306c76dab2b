"""The file of `--log-config`: a dictionary for logging.config.dictConfig in JSON, TOML or YAML, or one for fileConfig.

Errors in it are one line that names the file and what dictConfig says of the place. The loggers that have to stay
enabled are named by the caller.
"""

from __future__ import annotations

import configparser
import importlib
import json
import logging.config
import tomllib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from .narrowing import is_dict
from .option_parsing import OptionError

# The parts of the dictionary that have a dictionary for each name, except the root.
_SECTIONS = ("formatters", "filters", "handlers", "loggers", "root")
_INI = (".ini", ".cfg", ".conf")


# The context in which the files of handlers are opened.
Acting = Callable[[], AbstractContextManager[None]]
_acting: Acting = nullcontext


def apply(path: str, names: Iterable[str], acting: Acting = nullcontext) -> None:
    """Configure logging by this file; loggers with these names stay enabled, whatever it says of existing ones.

    `acting` is a context in which all handlers are made, and their files opened, also later by `reopen`. OSError for
    a file that can't be read, OptionError for its content.
    """
    suffix = Path(path).suffix.lower()
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(error.errno, f"--log-config: {path!r} can't be read: {reason}") from None
    global _acting
    _acting = acting
    try:
        if suffix in _INI:
            parser = configparser.ConfigParser()
            parser.read_string(content.decode("utf-8-sig"), source=path)
            with acting():
                logging.config.fileConfig(parser, disable_existing_loggers=False)
        else:
            dictionary = _dictionary(content, suffix)
            with acting():
                logging.config.dictConfig(dictionary)
    # The file may call anything.
    except Exception as error:
        raise OptionError(f"--log-config: {path!r}: {_explained(error)}") from None
    for name in names:
        logging.getLogger(name).disabled = False


def reopen() -> list[str]:
    """Open the files of all handlers anew, as after a rotation, and return what is to be said about those that fail."""
    problems: list[str] = []
    for handler in _file_handlers():
        handler.acquire()
        try:
            before = handler.stream
            # A file that is not open yet, by `delay`, is opened by its first record. None of the stub: by `close()`.
            if before is not None:
                with _acting():
                    handler.stream = handler._open()
                before.close()
        except OSError as error:
            problems.append(f"{handler.baseFilename!r} can't be opened: {(error.strerror or str(error)).lower()}")
        finally:
            handler.release()
    return problems


def _file_handlers() -> list[logging.FileHandler]:
    """Return the handlers that write to files, of all loggers."""
    loggers = [logging.getLogger(), *logging.getLogger().manager.loggerDict.values()]
    handlers = {
        id(handler): handler
        for logger in loggers
        if isinstance(logger, logging.Logger)
        for handler in logger.handlers
        if isinstance(handler, logging.FileHandler)
    }
    return list(handlers.values())


def _dictionary(content: bytes, suffix: str) -> dict[str, Any]:
    """Return the dictionary of a file with this suffix. ValueError for one that has none."""
    read = _READERS.get(suffix)
    if read is None:
        known = ", ".join((*_READERS, *_INI))
        raise ValueError(f"expected a name that ends in one of {known}")
    parsed = read(content.decode("utf-8-sig"))
    if not is_dict(parsed):
        raise ValueError(f"expected a dictionary for logging.config.dictConfig, not {type(parsed).__name__}")
    found: dict[str, Any] = parsed
    for section in _SECTIONS:
        _check(section, found.get(section, {}))
        if section != "root":
            for name, value in found.get(section, {}).items():
                _check(f"{section}.{name}", value)
    for name, handler in found.get("handlers", {}).items():
        # In an incremental configuration handlers exist already.
        if not {"class", "()"} & handler.keys() and not found.get("incremental"):
            raise ValueError(f"handlers.{name}: expected a key 'class' or '()'")
    return {"version": 1, **found}


def _check(place: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected a dictionary, not {type(value).__name__}")


def _yaml(text: str) -> Any:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        raise ValueError("YAML needs PyYAML: pip install pyyaml") from None
    return yaml.safe_load(text)


_READERS: dict[str, Callable[[str], Any]] = {".json": json.loads, ".toml": tomllib.loads, ".yaml": _yaml, ".yml": _yaml}


def _explained(error: BaseException) -> str:
    """Return what an error and its causes say, in one line: dictConfig names the place, and its cause the reason."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        if not parts or isinstance(cause, KeyError) or str(cause) not in parts[-1]:
            parts.append(" ".join(_reason(cause).split()))
        cause = cause.__cause__
    return ": ".join(parts)


def _reason(error: BaseException) -> str:
    match error:
        case KeyError():
            return f"there is no {error}"
        case OSError(filename=str() as name, strerror=str() as reason):
            return f"{name!r}: {reason.lower()}"
        case ValueError() | RuntimeError() if str(error):
            return str(error)
        case _:
            return f"{type(error).__name__}: {error}"
