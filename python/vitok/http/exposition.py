"""Numbers as text for Prometheus: its text format 0.0.4, and OpenMetrics 1.0.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/ define them. The meaning of numbers, and where they come from, is
not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# What a range of `Accept` says of each format: its media type, and the versions that are this one.
_TEXT_RANGES = {"text/plain": ("", "0.0.4"), "text/*": ("",), "*/*": ("",)}
_OPENMETRICS_RANGES = {"application/openmetrics-text": ("", "1.0.0")}
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
# In the text format 0.0.4 quotation marks of a help text stand for themselves.
_TEXT_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Histogram:
    """The distribution of a value: counts of each bucket (not of all up to it), one more than bounds, and the sum."""

    bounds: Sequence[float]
    counts: Sequence[int]
    sum: float


@dataclass(frozen=True, slots=True)
class Family:
    """All values of one metric, by their labels: each label's name is that of the family, `label`.

    The name of a counter has no `_total`: the formats add it. A unit is the last part of the name.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    values: Mapping[str, float | Histogram] = field(default_factory=dict[str, "float | Histogram"])
    label: str = ""
    unit: str = ""


def chosen(accept: str | None) -> str:
    """Return the media type of the format that a client prefers, by its field `Accept` (RFC 9110, section 12.5.1).

    That is OpenMetrics only if the client names it, and prefers no other. A client that accepts neither gets the text
    format, too.
    """
    openmetrics = text = 0.0
    for media, version, quality in _ranges(accept or ""):
        if version in _OPENMETRICS_RANGES.get(media, ()):
            openmetrics = max(openmetrics, quality)
        elif version in _TEXT_RANGES.get(media, ()):
            text = max(text, quality)
    return OPENMETRICS if openmetrics and openmetrics >= text else TEXT


def rendered(families: Iterable[Family], media_type: str) -> bytes:
    """Return the text in the format of this media type. A metric without values is left out."""
    is_openmetrics = media_type == OPENMETRICS
    lines = [line for family in families if family.values for line in _lines(family, is_openmetrics=is_openmetrics)]
    if is_openmetrics:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines).encode()


def _ranges(accept: str) -> Iterator[tuple[str, str, float]]:
    """Yield media type, version and quality of each range. A quality that is no number is 0."""
    for one in accept.split(","):
        media, *parameters = (part.strip().lower() for part in one.split(";"))
        named = {
            name.strip(): value.strip().strip('"') for name, _, value in (part.partition("=") for part in parameters)
        }
        try:
            quality = float(named.get("q", "1"))
        except ValueError:
            quality = 0.0
        # "nan" is a number for Python.
        yield media, named.get("version", ""), quality if 0 <= quality <= 1 else 0.0


def _lines(family: Family, *, is_openmetrics: bool) -> Iterator[str]:
    total = f"{family.name}_total" if family.kind == "counter" else family.name
    name = family.name if is_openmetrics else total
    yield f"# HELP {name} {family.help.translate(_ESCAPES if is_openmetrics else _TEXT_HELP_ESCAPES)}"
    yield f"# TYPE {name} {family.kind}"
    if is_openmetrics and family.unit:
        yield f"# UNIT {name} {family.unit}"
    for value_of_label, value in family.values.items():
        labels = f'{family.label}="{value_of_label.translate(_ESCAPES)}"' if family.label else ""
        if isinstance(value, Histogram):
            yield from _histogram(total, labels, value)
        else:
            yield f"{total}{_braced(labels)} {_shown(value)}"


def _histogram(name: str, labels: str, histogram: Histogram) -> Iterator[str]:
    """Yield the lines of a histogram, whose buckets count everything up to their bound."""
    count = 0
    separator = "," if labels else ""
    for bound, number in zip((*map(_shown, map(float, histogram.bounds)), "+Inf"), histogram.counts, strict=True):
        count += number
        yield f'{name}_bucket{{{labels}{separator}le="{bound}"}} {count}'
    yield f"{name}_sum{_braced(labels)} {_shown(histogram.sum)}"
    yield f"{name}_count{_braced(labels)} {count}"


def _braced(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""


def _shown(value: float) -> str:
    """Return an integer in digits, and another number with as many digits as it needs."""
    return repr(value)
