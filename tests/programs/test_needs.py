"""A missing program is reported in one line, and fails a test where all programs are required.

Not tested here: what is needed for what.
"""

import pytest
from needs import MORE, MORE_REQUIRED, REQUIRED, need_command, need_library


def test_a_missing_library_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody asks for it, as on a developer's machine."""
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^no_such_library is not installed: pip install"):
        need_library("no_such_library")


def test_a_missing_command_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where .ci/run has asked for it."""
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match=r"^no-such-command is missing \(Debian: apt install a-package\)"):
        need_command("no-such-command", package="a-package")


def test_a_missing_library_of_the_other_group_fails_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make programs` asks for it, and `make test` does not."""
    monkeypatch.setenv(REQUIRED, "1")
    monkeypatch.delenv(MORE_REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"pip install --group more-programs$"):
        need_library("no_such_library", group=MORE)
    monkeypatch.setenv(MORE_REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match=r"^no_such_library is not installed: .* asks for it$"):
        need_library("no_such_library", group=MORE)


def test_what_is_there_is_found() -> None:
    """The library that runs this test, and a command of every system."""
    need_library("pytest")
    assert need_command("sh", package="dash").name == "sh"
