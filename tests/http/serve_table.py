"""Writes the table of options in docs/serve/options.md from the one in the code: `python tests/http/serve_table.py`.

A test compares both. The rest of the page does not change.
"""

from __future__ import annotations

from pathlib import Path

from vitok.http.option_parsing import Option, shown
from vitok.http.options import table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serve" / "options.md"
BEGIN, END = "<!-- options: begin -->\n", "<!-- options: end -->\n"


def main() -> None:
    """Write the table into the page."""
    before, _, after = parts()
    PAGE.write_text(before + BEGIN + written() + END + after)


def difference() -> str:
    """Return the correct table if the page has another one, or an empty text."""
    return "" if parts()[1] == written() else written()


def parts() -> tuple[str, str, str]:
    """Return the page before, within and after the two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    inner, _, after = rest.partition(END)
    return before, inner, after


def written() -> str:
    """Return the table in Markdown, a part for each group."""
    lines: list[str] = []
    group = ""
    for option in table():
        if option.group != group:
            group = option.group
            head = ["", "| Option | Variable | Default | What it does | Elsewhere |", "| --- | --- | --- | --- | --- |"]
            lines += ["", f"## {group}", *head]
        lines.append(row(option))
    return "\n".join(lines[1:]) + "\n"


def row(option: Option) -> str:
    """Return one line of the table."""
    names = [f"`{flag}`" for flag in option.flags]
    if option.name != option.flags[0].removeprefix("--").replace("-", "_"):
        names.append(f"keyword `{option.name}`")
    default = shown(option).removeprefix("default: ")
    variables = ", ".join(f"`{name}`" for name in option.variables)
    cells = [", ".join(names), variables, default, option.help, option.others]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    main()
