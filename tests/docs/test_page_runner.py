"""The runner of pages itself, on small pages: what it runs, what it compares, and what it refuses."""

import re
from pathlib import Path

import pytest
from page_blocks import PageError, blocks_of, other_test_of
from page_needs import is_installation, needs_more, program_of
from page_ports import Ports
from page_runner import run_page

pytestmark = pytest.mark.vitok_only

SERVER = '''```python title="server.py"
"""Answers with a word."""
from vitok.http import App, Request
app = App()


@app.get("/")
def index(request: Request) -> str:
    return "WORD\\n"
```
'''
SERVE = """<!-- test: serves -->
```console
$ vitok serve server:app
... INFO [...] vitok serve: http://127.0.0.1:8000 ...
```
"""
ASK = """```python
from urllib.request import urlopen
with urlopen("http://127.0.0.1:8000/") as response:
    assert response.read() == b"WORD\\n"
```
"""


def run(page: str, folder: Path) -> None:
    run_page("page.md", page, folder)


def failure(page: str, folder: Path) -> str:
    """Run a page that is wrong, and return what is said of it."""
    with pytest.raises(AssertionError) as failed:
        run(page, folder)
    return str(failed.value)


def test_a_server_in_the_background(tmp_path: Path) -> None:
    """It serves until another one begins on its port, or the page ends; files of the same name are replaced."""
    first, second = (text.replace("WORD", word) for word in ("one", "two") for text in (SERVER + SERVE + ASK,))
    run(first + "\n" + second, tmp_path)


def test_the_output_of_a_server(tmp_path: Path) -> None:
    """What the page shows is the beginning of what the server writes."""
    said = failure(SERVER + SERVE.replace("127.0.0.1:8000", "127.0.0.2:8000"), tmp_path)
    assert said.startswith("page.md:12: $ vitok serve server:app\nthe beginning of its output is another one\n")
    assert re.search(r"\ngot:\n.* vitok serve: http://127\.0\.0\.1:8000 ", said)


def test_a_server_that_does_not_start(tmp_path: Path) -> None:
    said = failure(SERVE, tmp_path)
    assert said.startswith("page.md:2: $ vitok serve server:app\nit ended with exit code ")
    assert "server" in said.partition("got:")[2]


def test_a_server_without_a_port(tmp_path: Path) -> None:
    """It is ready when it has written what the page names."""
    program = '```python title="wait.py"\nimport time\nprint("is ready")\ntime.sleep(60)\n```\n'
    run(f'{program}<!-- test: serves: "is ready" -->\n```console\n$ python wait.py\n```\n', tmp_path)


def test_nothing_goes_on_after_the_page(tmp_path: Path) -> None:
    """What a command leaves in the background is ended, in its session or in another one."""
    sleep = "python3 -c 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'"
    wait = 'until [ "$(cat one two | wc -l)" = 2 ]; do sleep 0.1; done'
    run(f"```console\n$ {sleep} >one 2>&1 &\n$ setsid -f {sleep} >two 2>&1\n$ {wait}\n```\n", tmp_path)
    for name in ("one", "two"):
        process = Path(f"/proc/{(tmp_path / 'page' / name).read_text().strip()}")
        assert not process.exists() or (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_consoles(tmp_path: Path) -> None:
    """Folders and variables stay, ports are those of the page, and dots stand for a part of a line."""
    run(
        """```console
$ mkdir -p a/b
$ cd a/b
$ export NAME=Ada
$ echo "$NAME" \\
    "and port 8001"
Ada and port 8001
$ pwd
.../a/b
$ python3 -c 'import vitok; print(vitok.__name__)'
vitok
```
""",
        tmp_path,
    )


def test_another_output(tmp_path: Path) -> None:
    said = failure("Text\n\n```console\n$ echo one\ntwo\n```\n", tmp_path)
    assert said == "page.md:3: $ echo one\nits output is another one\nexpected:\ntwo\ngot:\none"


def test_dots_do_not_hide_lines(tmp_path: Path) -> None:
    """Dots within a line stand for a part of it: an error below it would be seen."""
    run("```console\n$ printf 'a 1\\nb\\n'\na ...\n...\n```\n", tmp_path / "a")
    said = failure("```console\n$ printf 'a 1\\nerror\\n'\na ...\n```\n", tmp_path / "b")
    assert said.endswith("its output is another one\nexpected:\na ...\ngot:\na 1\nerror")


def test_exit_codes(tmp_path: Path) -> None:
    """The exit code is 0 unless the page says another."""
    run("<!-- test: exits 3 -->\n```console\n$ exit 3\n```\n", tmp_path / "a")
    said = failure("```console\n$ echo why; exit 3\n```\n", tmp_path / "b")
    assert said == "page.md:1: $ echo why; exit 3\nexit code 3, instead of 0\ngot:\nwhy"


def test_programs_and_sessions(tmp_path: Path) -> None:
    """A program runs by itself; a session shows what the page shows."""
    run("```python\nprint(1)\n```\n\n```pycon\n>>> {2: 3}\n{2: ...}\n```\n", tmp_path)


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ("```python\nraise SystemExit('why')\n```\n", "page.md:1: the program\nexit code 1, instead of 0\ngot:\nwhy"),
        ("```pycon\n>>> 1 + 1\n3\n```\n", "page.md:1: the session\nit shows something else"),
        (
            "```python\nimport nothing_of_this_name\n```\n",
            "page.md:1: no group of pyproject.toml has nothing-of-this-name",
        ),
        ("```python\nx =\n```\n", "page.md:2: invalid syntax"),
        ("```console\n$ pip install nothing-of-this-name\n```\n", "nothing-of-this-name is in no group or extra"),
        ("```console\noutput\n```\n", "page.md:1: a console begins with a command"),
        ("```console\n$ cd ..\n```\n", "there is no such folder in that of the page"),
        ("```console\n$ curl http://127.0.0.1:8000/ | grep a\n```\n", "curl shows its progress"),
    ],
)
def test_what_fails(block: str, what: str, tmp_path: Path) -> None:
    assert what in failure(block, tmp_path)


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("<!-- test: skip -->\n```python\n1\n```\n", '1: "test: skip" is not understood'),
        ("<!-- test: skip: no -->\n```python\n1\n```\n", '1: "test: skip: no" is not understood'),
        ("<!-- test: later -->\n```python\n1\n```\n", '1: "test: later" is not understood'),
        ("<!-- test: serves -->\nText\n```python\n1\n```\n", "1: no block of code follows the comment"),
        ("<!-- test: serves -->\n", "1: no block of code follows the comment"),
        ("<!-- test: serves -->\n```python\n1\n```\n", "2: only a console serves, or has an exit code"),
        ("```python file.py\n1\n```\n", '1: file.py is not understood: title="FILE"'),
        ('```python name="file.py"\n1\n```\n', "1: name="),
        ("```\ntext\n```\n", "1: the block has no language"),
        ("```sh\nls\n```\n", "1: nothing runs a block of sh"),
        ("```shellsession\n$ ls\n```\n", "1: nothing runs a block of shellsession"),
        ("\t```python\n\t1\n\t```\n", "1: a fence begins its line, or follows spaces"),
        ("> ```python\n> 1\n> ```\n", "1: a fence begins its line, or follows spaces"),
        ("Text:\n\n    make run\n", "3: nothing runs code that is indented: write a fence"),
        ("```pycon\n1 + 1\n3\n```\n", "1: a session begins with what is typed"),
        ("```toml\nport: 1\n```\n", "1: it is no toml"),
        ('```json title="a.json"\n{\n```\n', "1: it is no json"),
        ("```python\n1\n", "1: the block has no end"),
        ('```ini title="/etc/a.ini"\n1\n```\n', "1: /etc/a.ini is not in the folder of the page"),
        ('```ini title="../a.ini"\n1\n```\n', "1: ../a.ini is not in the folder of the page"),
    ],
)
def test_no_block_is_left_out_by_mistake(page: str, what: str) -> None:
    """A block that nothing would run is an error of its page."""
    with pytest.raises(PageError, match=re.escape(what)):
        list(blocks_of(page))


def test_blocks_are_found() -> None:
    """A block may be indented, in a list or a tab; what is not run has its reason."""
    first, second, third = blocks_of(
        "- A list:\n\n    its second paragraph\n\n"
        '=== "One"\n\n    ```python title="a.py" hl_lines="1"\n    x = 1\n        \n    ```\n\n'
        "<!-- test: skip: another machine is needed -->\n\n```python\n1\n```\n\n```nginx\nlisten 80;\n```\n"
    )
    assert (first.line, first.kind, first.title, first.text) == (7, "python", "a.py", "x = 1\n\n")
    assert (second.line, second.skipped) == (14, "another machine is needed")
    assert (third.kind, third.title, third.skipped) == ("nginx", None, None)


def test_pages_that_need_more() -> None:
    """A page belongs to `make programs` if only the group of those has a library that it imports or runs."""
    more = ["```python\nimport zmq\n```\n", "```console\n$ A=b vitok run granian app:app\n```\n"]
    others = ["```python\nimport aiohttp\n```\n", "```console\n$ uvicorn app:app\n$ [ -e app.py ]\n```\n"]
    assert all(needs_more(list(blocks_of(page))) for page in more)
    assert not any(needs_more(list(blocks_of(page))) for page in others)


def test_pages_of_other_tests() -> None:
    assert other_test_of("# A\n\n<!-- test: page tests/test_a.py -->\n") == "tests/test_a.py"
    assert other_test_of("# A\n") is None


def test_installations() -> None:
    """Whatever a page installs is in a group or an extra, so that the tests of the page have it."""
    assert is_installation("pip install -U 'vitok[json,wsgi]' uvicorn")
    assert is_installation("python -m pip install dist/vitok-0.1.0-cp313-cp313-manylinux_2_17_x86_64.whl")
    assert is_installation("uv add vitok")
    assert not is_installation("pip --version")
    with pytest.raises(AssertionError, match="vitok has no extra nothing"):
        is_installation("pip install 'vitok[nothing]'")


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ("uvicorn --port 8000 app:app", "uvicorn"),
        ("python server.py", "python"),
        ("python -m distributed.cli.dask_worker", "distributed"),
        ("vitok run --as-uvloop gunicorn app:app", "gunicorn"),
        ("vitok run -m pytest -q", "pytest"),
        ("vitok run", "vitok"),
        ("vitok serve app:app", "vitok"),
    ],
)
def test_programs_of_commands(words: str, program: str) -> None:
    """A page needs what its commands run, also below `vitok run`."""
    assert program_of(words.split()) == program


def test_ports() -> None:
    """A port is the same one in the whole page, and other numbers stay."""
    ports = Ports()
    text = "listen 8000; 127.0.0.1:8000/x 18000 80001 0.8000 v8000 8000.5 redis://localhost:6379/0"
    put = ports.put_in(text)
    assert put == text.replace(
        "listen 8000; 127.0.0.1:8000/", f"listen {ports.of(8000)}; 127.0.0.1:{ports.of(8000)}/"
    ).replace("6379", str(ports.of(6379)))
    assert ports.take_out(put) == text
    assert len({ports.of(port) for port in range(8000, 8030)}) == 30
