"""Tests of pictures and of the sections of pages: colours, the chart of README.md, the tables of docs/benchmarks.md.

Run by `pytest benchmarks`. All runs are made up, except for the one that the pages show.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_up import made_row, made_run
from vitok_bench import chart, pages, plot, results
from vitok_bench.colours import KNOWN, OTHERS, colours
from vitok_bench.http_servers import SERVERS
from vitok_bench.loops import FACTORIES
from vitok_bench.results import FormatError

# The files of later runs that the pages show.
LATER = ("http2-314", "threads-314t", "threads-http-314t")
SVG = "{http://www.w3.org/2000/svg}"


def test_each_loop_and_server_has_a_colour_of_its_own() -> None:
    """Issue 17, item 2: each peer has its own colour, the same in every plot."""
    assert KNOWN.keys() == {*FACTORIES, *SERVERS}
    assert len({*KNOWN.values(), *OTHERS}) == len(KNOWN) + len(OTHERS)
    few, all_of_them = colours(["uvloop", "vitok"], "vitok"), colours([*FACTORIES, *SERVERS, "mine:loop"], "vitok")
    assert few.items() <= all_of_them.items()
    assert all_of_them["mine:loop"] == colours(["mine:loop"], "vitok")["mine:loop"] in OTHERS
    several = colours([f"mine{number}:loop" for number in range(len(OTHERS))], "vitok")
    assert set(several.values()) == set(OTHERS)


def test_two_builds_have_two_colours() -> None:
    """The one that is compared with all others has that of vitok."""
    painted = colours(["asyncio", "vitok", "vitok@build"], "vitok@build")
    assert painted["vitok@build"] == KNOWN["vitok"]
    assert len(set(painted.values())) == len(painted)


@pytest.mark.parametrize(("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_plot_is_of_the_kind_that_its_ending_says(tmp_path: Path, ending: str, start: bytes) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"plot{ending}"
    lost, far = made_row(vitok=[2, 2], peer=[1, 1]), replace(made_row(vitok=[1], peer=[9], far=[99]), name="far")
    plot.draw(made_run(lost, far), path)
    assert path.read_bytes().startswith(start)


def test_the_chart_has_a_bar_for_each_that_is_best_or_known() -> None:
    row = replace(made_row(vitok=[10.0], uvloop=[20.0], best=[15.0], other=[18.0], asyncio=[900.0]), name="turn")
    run = made_run(row)
    [group] = chart.groups(run)
    assert {bar.name: bar.times for bar in group.bars} == {"vitok": 1.0, "best": 1.5, "uvloop": 2.0, "asyncio": 90.0}
    drawn = ElementTree.fromstring(chart.draw(run))
    *bars, last = [float(part.attrib["width"]) for part in drawn.iter(f"{SVG}rect")][1:]
    assert bars == pytest.approx([46.0, 69.0, 92.0])
    # It would be nine times as wide as the picture.
    assert last == pytest.approx(460.0)
    assert "90.00 asyncio" in "".join(drawn.itertext())


def test_the_chart_takes_what_was_measured_for_each_place() -> None:
    names = ("call_soon_0", "plaintext", "json", "ws_text_1k")
    rows = [replace(made_row(vitok=[10.0], uvicorn=[20.0]), name=name) for name in names]
    assert [group.row.name for group in chart.groups(made_run(*rows))] == ["call_soon_0", "plaintext", "ws_text_1k"]
    assert chart.groups(made_run(*rows[1:2], replace(rows[0], columns={}))) != []


def test_pages_get_their_sections_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = made_run(replace(made_row(asyncio=[30.0], vitok=[10.0], rloop=[9.0]), name="turn"))
    checkout = _checkout(tmp_path)
    for _ in range(2):
        pages.write(run, Path("somewhere/run.json"), checkout=checkout)
    readme, tables = ((checkout / name).read_text() for name in (pages.README, pages.TABLES))
    for text in (readme, tables):
        assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert readme.count(f"]({pages.PICTURES_URL}/{pages.CHART})") == 1
    assert "$ pip install 'vitok[bench]' rloop\n$ vitok bench --rows turn\n" in readme
    assert "| `turn` | 30.0 | 10.0 | 9.0 |" in tables
    assert "Rows that vitok loses, of 1: turn 1.11 to rloop." in tables.replace("\n", " ")
    assert "benchmarks/results/run.json" in tables and "somewhere" not in tables
    assert (checkout / pages.CHART).is_file() and (checkout / pages.PICTURE).is_file()


def test_a_later_run_of_another_suite_has_a_table_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = made_run(replace(made_row(asyncio=[30.0], vitok=[10.0]), name="turn"))
    later = made_run(replace(made_row(asyncio=[40.0], vitok=[20.0]), name="h2_get"))
    later = replace(later, machine={**later.machine, "load_average": [99.0, 0.0, 0.0], "cores": 2})
    run = replace(run, machine={**run.machine, "load_average": [1.0, 0.0, 0.0], "cores": 2})
    checkout = _checkout(tmp_path)
    pages.write(run, Path("run.json"), (later, Path("later.json")), checkout=checkout)
    tables = (checkout / pages.TABLES).read_text()
    assert tables.index("| `turn` |") < tables.index("| `h2_get` | 40.0 | 20.0 |") < tables.index("### The runs")
    assert tables.count("Measured on ") == 2
    assert tables.replace("\n", " ").count(" 2 cores, which had other work (load average 99): ") == 1
    assert tables.index("benchmarks/results/run.json") < tables.index("benchmarks/results/later.json")
    assert "h2_get" not in (checkout / pages.README).read_text()


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    checkout = _checkout(tmp_path)
    before = (checkout / pages.README).read_text()
    (checkout / pages.TABLES).write_text("nothing")
    with pytest.raises(FormatError, match=r"benchmarks\.md does not have the two markers"):
        pages.write(made_run(), Path("run.json"), checkout=checkout)
    assert (checkout / pages.README).read_text() == before


def test_the_pages_have_what_the_kept_run_says() -> None:
    """The sections and the chart are those of the file that the tables link to."""
    kept = pages.CHECKOUT / "benchmarks" / "results" / "bench-314.json"
    run = results.read(kept)
    # Suites that were measured later have files of their own.
    later = [kept.parent / f"{name}.json" for name in LATER]
    more = [(results.read(path), path.name) for path in later]
    tables = pages.table_lines(run, kept.name, *more)
    for name, lines in ((pages.README, pages.readme_lines(run)), (pages.TABLES, tables)):
        text = (pages.CHECKOUT / name).read_text()
        assert "\n".join([pages.BEGIN, "", *lines, "", pages.END]) in text
    assert (pages.CHECKOUT / pages.CHART).read_text() == chart.draw(run)


def _checkout(folder: Path) -> Path:
    for name in (pages.README, pages.TABLES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n")
    for name in (pages.CHART, pages.PICTURE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    return folder
