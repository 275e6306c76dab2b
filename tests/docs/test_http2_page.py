"""The numbers of docs/serve/http2.md are those of the options and of vitok.http.limits."""

import re

import pytest
from support import PROJECT
from vitok.http.limits import LIMITS
from vitok.http.options import Options, table

pytestmark = pytest.mark.vitok_only

PAGE = (PROJECT / "docs" / "serve" / "http2.md").read_text()
PER_SECOND = ("pings", "settings", "priorities", "window_updates", "empty_frames", "unknown_frames")


def row(begin: str) -> list[str]:
    """Return the cells of the row that begins so."""
    [found] = re.findall(rf"^\| {re.escape(begin)}.*$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_each_option_has_its_default() -> None:
    """Every option of HTTP/2 with a number is in the table of limits, with its default."""
    for option in table():
        if option.name.startswith("http2_"):
            [found] = re.findall(rf"^\|[^|]*\| `{option.flags[0]}` \| (\d+)( bytes)? \|", PAGE, re.MULTILINE)
            assert int(found[0]) == getattr(Options(), option.name)


def test_numbers_that_are_no_options() -> None:
    """The counts of frames are in the order of their names."""
    assert row("pings, settings")[2].startswith(", ".join(f"{LIMITS[f'http2_{name}']}" for name in PER_SECOND) + ";")
    assert row("frames of one head")[2] == f"{LIMITS['http2_continuations']}"


def test_an_upload_over_a_long_distance() -> None:
    """The window divided by the time of a round trip."""
    window = Options().http2_initial_stream_window_size
    assert f"{window // 2**10} KiB are {window / 0.1 / 2**20:g} MiB a second with a round trip of 100 ms" in PAGE
