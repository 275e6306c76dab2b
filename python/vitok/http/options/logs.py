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

    access_log: bool = option(
        True, Flag(), "write a line per request to standard output", others="uvicorn yes, gunicorn no"
    )
    access_log_format: str | None = option(
        None,
        AccessFormat(),
        "what a line about a request says, with gunicorn's atoms such as %(h)s; docs/serve.md lists them",
        others="gunicorn and granian have it",
    )
    access_log_file: str | None = option(
        None,
        Text("PATH"),
        "write lines about requests to this file instead of standard output (-); SIGUSR1 opens it anew",
        others="gunicorn has it",
    )
    log_level: str = option(
        "info",
        Choice(("debug", "info", "warning", "error", "critical")),
        "lowest level of messages written to standard error",
        others="uvicorn and gunicorn info",
    )
    log_file: str | None = option(
        None,
        Text("PATH"),
        "write messages to this file instead of standard error (-); SIGUSR1 opens it anew",
        others="gunicorn has it as --error-logfile",
    )
    log_format: str = option(
        "text",
        Choice(("text", "json")),
        "form of messages and of lines about requests: text, or a JSON object per line",
        others="uvicorn, gunicorn and granian text",
    )
    log_config: str | None = option(
        None,
        Text("PATH"),
        "configure logging by this file: JSON, TOML or YAML for logging.config.dictConfig, or INI for fileConfig",
        others="uvicorn, gunicorn and granian have it",
    )
    use_colors: bool | None = option(
        None,
        Flag(),
        "colour messages and lines; by default on a terminal, unless NO_COLOR is set",
        others="uvicorn the same",
    )
    inspect: bool = option(
        False, Flag(), "let `vitok top` of this user look at each process that serves", others="no other has it"
    )
    metrics: str | None = option(
        None,
        Text("HOST:PORT"),
        "serve metrics for Prometheus and the health of the server on this address: /metrics, /live and /ready",
        others="granian has it, uvicorn and gunicorn do not",
    )
