"""--env-file: the form of its lines, what wins over them, and files that can't be used.

The meaning of the variables is tested in test_serve_options.py.
"""

import os
from pathlib import Path

import pytest
from served import FOLDER, refused, serving
from vitok.http import env_file
from vitok.http.option_parsing import OptionError
from vitok.http.text_file import LARGEST_BYTES

pytestmark = pytest.mark.vitok_only


def parse(text: str) -> dict[str, str]:
    """The variables of a text."""
    return env_file.parse("--env-file", ".env", text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A=", ""),
        ("A= \t", ""),
        ("A = b c \t", "b c"),
        ("  export\tA=b", "b"),
        ("A=b#c", "b#c"),
        ("A=b #c", "b"),
        ("A= #c", ""),
        ("A=#c", "#c"),
        ("A=b=c==", "b=c=="),
        ("A=it's", "it's"),
        ("A='b #c'", "b #c"),
        ("A = 'b' # d", "b"),
        ("A='b\nc'", "b\nc"),
        ("A='b\r\nc'\r\n", "b\nc"),
        (r"A='\n\'\\'", r"\n'" + "\\"),
        (r'A="b\n\t\"\\\x"', 'b\n\t"\\\\x'),
        ('A="b\nc"#d', "b\nc"),
        ('A=""', ""),
        ("A='$B ${B}'", "$B ${B}"),
        ('A="$B ${B:-c} $(d)"', "$B ${B:-c} $(d)"),
        ("A=$B", "$B"),
        (r"A=b\n", r"b\n"),
        ("A=ä€", "ä€"),
        ("A=first\nA=last", "last"),
    ],
)
def test_forms_of_values(text: str, value: str) -> None:
    """Quotes, escapes, comments and white space are those of python-dotenv; nothing is interpolated."""
    assert parse(text) == {"A": value}
    assert parse(f"# A=x\n\n \t\n{text}\n#") == {"A": value}


def test_names_and_lines() -> None:
    """Names may have dots and hyphens; lines end as on any system; `export` alone is a name."""
    assert parse("a.b-c=1\rB=2\r\nexport=3\n") == {"a.b-c": "1", "B": "2", "export": "3"}
    assert parse("") == parse("# nothing") == parse("\n\n") == {}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("A=b\nB", 2, "expected NAME=VALUE"),
        ("\n\n=b", 3, "expected NAME=VALUE"),
        ("1A=b", 1, "expected NAME=VALUE"),
        ("export =b", 1, "expected NAME=VALUE"),
        ("A B=c", 1, "expected NAME=VALUE"),
        ("A='b\n\n", 1, "the quote ' is not closed"),
        ('A=1\nB="b\\"', 2, 'the quote " is not closed'),
        ("A='b' c", 1, "expected nothing but a comment after the quotes of A"),
        ("A='\n\n'x\nB=1", 1, "expected nothing but a comment after the quotes of A"),
        ("A=b\nB=c\0d", 2, "the value of B has a NUL byte"),
        ("\0", 1, "expected NAME=VALUE"),
    ],
)
def test_lines_that_are_no_variable(text: str, line: int, reason: str) -> None:
    """An error names the option, the file, the line where the variable begins, and what was expected."""
    with pytest.raises(OptionError) as caught:
        parse(text)
    assert str(caught.value) == f"--env-file: '.env', line {line}: {reason}"


def test_long_values_take_no_long_time() -> None:
    """White space without a comment, and quotes without an end, are looked at once."""
    spaces = " " * 500_000
    assert parse(f"A=b{spaces}c{spaces}") == {"A": f"b{spaces}c"}
    with pytest.raises(OptionError, match="is not closed"):
        parse(f"A='{spaces}")


def test_a_file_sets_what_is_not_set(tmp_path: Path) -> None:
    """Variables that are set already stay, also if they are empty; a file with one wrong line sets nothing."""
    file = tmp_path / ".env"
    file.write_text("\ufeffA=1\nB=2\nC=3\n")
    environment = {"A": "0", "B": ""}
    assert env_file.load("--env-file", str(file), environment) == {"C"}
    assert environment == {"A": "0", "B": "", "C": "3"}
    file.write_text("D=4\nE\n")
    with pytest.raises(OptionError):
        env_file.load("--env-file", str(file), environment)
    assert "D" not in environment


def test_the_server_and_the_application_see_the_variables(tmp_path: Path) -> None:
    """A variable of the file is an option of the server, and is in the environment of the application."""
    file = tmp_path / ".env"
    file.write_text("export VITOK_WORKERS=2\nGREETING='good morning'\nVITOK_LOG_LEVEL=warning\n")
    (tmp_path / "greeter.py").write_text("import os\nfrom asgi_apps import app, say\nsay(os.environ['GREETING'])\n")
    environment = {"VITOK_ENV_FILE": str(file), "PYTHONPATH": str(FOLDER), "VITOK_LOG_LEVEL": "info"}
    with serving(folder=tmp_path, app="greeter:app", environment=environment) as served:
        assert served.get()
        assert served.end() == 0
    assert served.output.count("good morning\n") == 2
    assert "(2 workers" in served.errors


def refusal(file: str | Path) -> str:
    """What the command says about a file that it can't use."""
    code, lines = refused("--env-file", file)
    assert (code, len(lines)) == (2, 1), lines
    return lines[0]


def test_files_that_can_not_be_used(tmp_path: Path) -> None:
    """A missing file, a folder, one that is not UTF-8, too large or has NUL bytes: one line and exit code 2."""
    assert (
        refusal(tmp_path / "no") == f"vitok serve: --env-file: '{tmp_path}/no' can't be read: no such file or directory"
    )
    assert refusal(tmp_path) == f"vitok serve: --env-file: '{tmp_path}' can't be read: is a directory"
    file = tmp_path / ".env"
    file.write_bytes(b"A=1\nB=\xff\n")
    assert refusal(file) == f"vitok serve: --env-file: '{file}' is not in UTF-8 (line 2)"
    file.write_bytes(b"A=\0\n")
    assert refusal(file) == f"vitok serve: --env-file: '{file}', line 1: the value of A has a NUL byte"
    assert refusal("/dev/zero") == f"vitok serve: --env-file: '/dev/zero' is larger than {LARGEST_BYTES} bytes"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    """A file that may not be read is named."""
    file = tmp_path / ".env"
    file.touch(mode=0)
    assert refusal(file).endswith("can't be read: permission denied")


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    """As a shell makes it for `--env-file <(command)`, so that secrets are in no file."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        pipe.write("VITOK_HEADERS=x-from: a pipe\n")
    try:
        with serving("--env-file", f"/dev/fd/{reader}", pass_fds=[reader]) as served:
            assert served.get()
    finally:
        os.close(reader)
