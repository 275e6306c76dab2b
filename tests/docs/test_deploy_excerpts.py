"""The configurations of other programs in docs/serve are excerpts of the files in deploy/, which tests/programs runs.

Each line of such a block is in the file, in the same order. What the lines do is not known here.
"""

import re

import pytest
from support import PROJECT

pytestmark = pytest.mark.vitok_only

FILES = {
    ("nginx.md", "nginx"): ["nginx/app.conf"],
    ("caddy.md", "caddyfile"): ["caddy/Caddyfile"],
    ("systemd.md", "ini"): ["systemd/app.socket", "systemd/app.service"],
    ("container.md", "dockerfile"): ["container/Dockerfile"],
    ("kubernetes.md", "yaml"): ["kubernetes/app.yaml"],
}


def lines_of(text: str) -> list[str]:
    """Return the lines that mean something, without their indentation."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(("page", "language"), FILES, ids=[page for page, _ in FILES])
def test_blocks_are_in_the_files(page: str, language: str) -> None:
    """Every line of the blocks is in their files, and in the same order."""
    text = (PROJECT / "docs" / "serve" / page).read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(FILES[page, language])
    for block, name in zip(blocks, FILES[page, language], strict=True):
        rest = iter(lines_of((PROJECT / "deploy" / name).read_text()))
        missing = [line for line in lines_of(block) if not any(line == other for other in rest)]
        assert not missing, f"{page}: deploy/{name} does not have these lines in this order"
