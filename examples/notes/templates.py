"""Fills the templates of this folder. A value is text, and escaped, unless it is HTML from another template.

They are templates of the standard library's `string`, without code in them. Notes are not known here.
"""

from html import escape
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent / "templates"
TEMPLATES = {path.stem: Template(path.read_text("utf-8")) for path in FOLDER.glob("*.html")}


class Html(str):
    """Text that is HTML already. All other text is escaped."""


def render(template: str, **values: object) -> Html:
    """Return a template with these values in it."""
    shown = {name: value if isinstance(value, Html) else escape(str(value)) for name, value in values.items()}
    return Html(TEMPLATES[template].substitute(shown))
