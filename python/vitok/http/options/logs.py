"""Options of logs and metrics.

Their use is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..option_parsing import option
from ..option_types import AccessFormat, Choice, Flag, Text


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Logs and metrics."""

    access_log: bool = option(True, Flag(), "write a line for each request", others="uvicorn yes, gunicorn no")
    access_log_format: str | None = option(
        None,
        AccessFormat(),
        "form of a line for a request, with atoms such as %(h)s and %(s)s",
        others="gunicorn and granian have it",
    )
    access_log_file: str | None = option(
        None,
        Text("PATH"),
        "file for lines of requests instead of standard output (-)",
        others="gunicorn has it",
    )
    log_level: str = option(
        "info",
        Choice(("debug", "info", "warning", "error", "critical")),
        "lowest level of messages",
        others="uvicorn and gunicorn info",
    )
    log_file: str | None = option(
        None,
        Text("PATH"),
        "file for messages instead of standard error (-)",
        others="gunicorn has it as --error-logfile",
    )
    log_format: str = option(
        "text",
        Choice(("text", "json")),
        "form of both logs: text, or a JSON object in each line",
        others="uvicorn, gunicorn and granian text",
    )
    log_config: str | None = option(
        None,
        Text("PATH"),
        "configure logging by this file of JSON, TOML, YAML or INI",
        others="uvicorn, gunicorn and granian have it",
    )
    use_colors: bool | None = option(
        None,
        Flag(),
        "colour both logs; by default on a terminal, unless NO_COLOR is set",
        others="uvicorn the same",
    )
    inspect: bool = option(
        False, Flag(), "let `vitok top` of this user look at each process that serves", others="no other has it"
    )
    metrics: str | None = option(
        None,
        Text("HOST:PORT"),
        "address of another server, with /metrics, /live and /ready",
        others="granian has it, uvicorn and gunicorn do not",
    )
