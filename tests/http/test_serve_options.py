"""The table of options, and how it is read from the command line, the environment and keywords.

The effect of options is not tested here.
"""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import serve_table
from vitok.http import configuration
from vitok.http.option_parsing import Option, OptionError
from vitok.http.option_types import (
    AccessFormat,
    Certificates,
    Choice,
    Fields,
    Flag,
    Kind,
    Mode,
    Mounts,
    RootPath,
    Seconds,
    Text,
    Whole,
    Words,
)
from vitok.http.options import Options, from_keywords, table

pytestmark = pytest.mark.vitok_only

NAMES = [option.name for option in table()]
# A text for each kind that differs from every default, the value that it stands for, and a text that can't be.
SAMPLES: dict[type[Kind], tuple[str, Any, str | None]] = {
    AccessFormat: ("%(h)s", "%(h)s", "%(x)s"),
    RootPath: ("/x", "/x", "x"),
    Text: ("/some/text", "/some/text", None),
    Whole: ("17", 17, "seventeen"),
    Seconds: ("2.5", 2.5, "soon"),
    Flag: ("", None, "perhaps"),
    Mode: ("660", 0o660, "999"),
    Mounts: ("/x=folder", (("/x", "folder"),), "x=folder"),
    Words: ("10.0.0.1", ("10.0.0.1",), None),
    Fields: ("X-One: 1", (("X-One", "1"),), "no colon"),
    Certificates: ("a.example=c.pem:k.pem", (("a.example", "c.pem", "k.pem"),), "a.example"),
}


def from_command(words: list[str], environment: dict[str, str]) -> tuple[str | None, Options]:
    """The application's name and the options, from a command line and an environment."""
    found = configuration.read(words, dict(environment))
    return found.app, found.options


def sample(option: Option) -> tuple[str, Any, str | None]:
    """A text for this option, its value, and a text that it refuses."""
    if isinstance(option.kind, Choice):
        last = option.kind.words[-1]
        return last, last, "nothing of the kind"
    if isinstance(option.kind, Flag):
        return ("no", False, "perhaps") if option.default else ("yes", True, "perhaps")
    text, value, wrong = SAMPLES[type(option.kind)]
    if isinstance(option.kind, Whole) and option.kind.at_least > value:
        value = option.kind.at_least + 1
        text = str(value)
    return text, value, wrong


def words_for(option: Option, flag: str, text: str) -> list[str]:
    """The words of a command line that give this option."""
    if isinstance(option.kind, Flag):
        return [flag if text == "yes" else flag.replace("--", "--no-", 1)]
    return [flag, text]


@pytest.mark.parametrize("option", table(), ids=NAMES)
def test_each_option_on_the_command_line(option: Option) -> None:
    """Each option is taken from the command line by each of its flags, and leaves the others alone."""
    text, value, _ = sample(option)
    for flag in option.flags:
        app, options = from_command(["module:app", *words_for(option, flag, text)], {})
        assert app == "module:app"
        assert options == Options(**{option.name: value})
        assert options != Options()


@pytest.mark.parametrize("option", table(), ids=NAMES)
def test_each_option_by_its_variable(option: Option) -> None:
    """Each option is taken from its environment variable, and the command line wins over that."""
    text, value, _ = sample(option)
    assert from_command(["module:app"], {option.variable: text})[1] == Options(**{option.name: value})
    if isinstance(option.kind, Flag):
        words = words_for(option, option.flags[0], "no" if value else "yes")
        assert from_command(["module:app", *words], {option.variable: text})[1] == Options(**{option.name: not value})


@pytest.mark.parametrize("option", table(), ids=NAMES)
def test_each_option_as_a_keyword(option: Option) -> None:
    """Each option is taken as a keyword, as is what the table gives as its default."""
    _, value, _ = sample(option)
    assert from_keywords({option.name: value}) == Options(**{option.name: value})
    assert from_keywords({option.name: option.default}) == Options()


@pytest.mark.parametrize("option", [one for one in table() if sample(one)[2]], ids=lambda one: one.name)
def test_a_bad_value_is_named(option: Option) -> None:
    """A value that can't be is refused by the name under which it was given: flag, variable or keyword."""
    bad = sample(option)[2]
    assert bad is not None
    if not isinstance(option.kind, Flag):
        with pytest.raises(OptionError, match=f"^{option.flags[0]}: .*{re.escape(bad)}"):
            from_command(["module:app", option.flags[0], bad], {})
    with pytest.raises(OptionError, match=f"^{option.variable}: .*{re.escape(bad)}"):
        from_command(["module:app"], {option.variable: bad})
    with pytest.raises(OptionError, match=f"^{option.name}: "):
        from_keywords({option.name: object()})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ssl-sni", "www.example.org"], "--ssl-sni: 'www.example.org' is not of the form HOST=CERT[:KEY]"),
        (["--port"], "--port: expected one argument"),
    ],
)
def test_errors_are_in_the_words_of_the_user(words: list[str], message: str) -> None:
    """A value is shown as it was given, and the option as it is written."""
    with pytest.raises(OptionError) as caught:
        from_command(["module:app", *words], {})
    assert str(caught.value) == message


def test_the_command_line_wins() -> None:
    """What stands on the command line wins over the variable, also for the application."""
    environment = {"VITOK_PORT": "9000", "VITOK_HOST": "localhost", "VITOK_APP": "other:app"}
    app, options = from_command(["module:app", "--port", "9001"], environment)
    assert (app, options) == ("module:app", Options(host="localhost", port=9001))
    assert from_command([], environment)[0] == "other:app"


def test_options_that_may_be_given_several_times() -> None:
    """--bind and --header add up; in their variables they are divided by white space and by lines."""
    words = ["a:b", "--bind", "[::1]:80", "--bind", "unix:/x", "--header", "A: 1", "--header", "B: 2, 3"]
    expected = Options(bind=("[::1]:80", "unix:/x"), headers=(("A", "1"), ("B", "2, 3")))
    assert from_command(words, {})[1] == expected
    variables = {"VITOK_BIND": "[::1]:80 unix:/x", "VITOK_HEADERS": "A: 1\nB: 2, 3\n"}
    assert from_command(["a:b"], variables)[1] == expected
    assert from_keywords({"bind": ["[::1]:80", "unix:/x"], "headers": [("A", "1"), ("B", "2, 3")]}) == expected


def test_certificates_for_names() -> None:
    """--ssl-sni adds up; in its variable each is on a line. Names are those that clients send; a key may be absent."""
    words = ["a:b", "--ssl-sni", "A.example.=a b.pem", "--ssl-sni", "*.bücher.example=c.pem:k,1.pem"]
    expected = Options(
        ssl_sni=(("a.example", "a b.pem", None), ("*.xn--bcher-kva.example", "c.pem", "k,1.pem")),
    )
    assert from_command(words, {})[1] == expected
    variable = "a.example=a b.pem\n\n *.bücher.example=c.pem:k,1.pem\n"
    assert from_command(["a:b"], {"VITOK_SSL_SNI": variable})[1] == expected
    assert from_keywords({"ssl_sni": [words[2], ("*.bücher.example", Path("c.pem"), "k,1.pem")]}) == expected
    assert from_keywords({"ssl_sni": [list(entry) for entry in expected.ssl_sni]}) == expected


@pytest.mark.parametrize(
    "host", ["", "*", "*.", "a.*.example", "*a.example", "127.0.0.1", "::1", "a b", "a..b", "-a.b"]
)
def test_names_that_no_client_asks_for(host: str) -> None:
    """What is not a host name, or a wildcard within one, is refused."""
    with pytest.raises(OptionError, match=r"^--ssl-sni: .* is not a host name, such as www.example.org"):
        from_command(["a:b", f"--ssl-sni={host}=a.pem"], {})


@pytest.mark.parametrize(
    "entry", ["a.example", "a.example=", "=a.pem:", ("a.example",), ("a", "b", "c", "d"), 3, ("a", "b", "")]
)
def test_certificates_without_a_form(entry: Any) -> None:
    """What is not a name with files is refused."""
    with pytest.raises(OptionError, match=r"^ssl_sni: .* is not "):
        from_keywords({"ssl_sni": [entry]})


def test_no_limit_is_written_none() -> None:
    """Limits that may be absent are `none` in text and None as keywords; those of the head may not."""
    assert from_command(["a:b", "--timeout-keep-alive", "none"], {})[1].timeout_keep_alive is None
    assert from_command(["a:b", "--limit-request-body", "NONE"], {})[1].limit_request_body is None
    assert from_keywords({"timeout_body": None, "limit_request_body": None}).timeout_body is None
    with pytest.raises(OptionError, match="--limit-request-head"):
        from_command(["a:b", "--limit-request-head", "none"], {})


def test_a_root_path_begins_with_a_slash() -> None:
    """Without it the paths of all requests would be wrong; an empty one is none."""
    with pytest.raises(OptionError, match=r"^--root-path: 'api' does not begin with a slash$"):
        from_command(["a:b", "--root-path", "api"], {})
    assert from_command(["a:b", "--root-path", ""], {})[1].root_path == ""
    assert from_keywords({"root_path": "/api"}).root_path == "/api"


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e999", ""])
def test_a_time_of_no_length_is_refused(text: str) -> None:
    """Zero would be read as "at once" by some and as "never" by others; only the graceful end may have no time."""
    with pytest.raises(OptionError, match=r"^VITOK_TIMEOUT_BODY: "):
        from_command(["a:b"], {"VITOK_TIMEOUT_BODY": text})
    if text == "0":
        assert from_command(["a:b", "--timeout-graceful-shutdown", text], {})[1].timeout_graceful_shutdown == 0


@pytest.mark.parametrize("words", [["--port"], ["--no-such-option"], ["--prt", "1"], ["--por", "1"], ["c:d"]])
def test_wrong_words_are_one_line(words: list[str]) -> None:
    """What argparse does not understand is an error of one line, abbreviations included."""
    with pytest.raises(OptionError) as caught:
        from_command(["a:b", *words], {})
    assert "\n" not in str(caught.value)
    assert words[0] in str(caught.value)


def test_without_an_application() -> None:
    """No application is an error that says what its name looks like."""
    with pytest.raises(OptionError, match="module:attribute"):
        from_command(["--port", "1"], {})


def test_unknown_keywords_are_type_errors() -> None:
    """A misspelt keyword is a TypeError, as for any function."""
    with pytest.raises(TypeError, match="'prot'"):
        from_keywords({"prot": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", True),
        ("port", 65536),
        ("port", None),
        ("host", None),
        ("timeout_body", "5"),
        ("access_log", 1),
        ("bind", [1]),
        ("headers", [("A", "1\r\nB: 2")]),
        ("headers", [("A b", "1")]),
        ("headers", [("Transfer-Encoding", "chunked")]),
        ("headers", ["A:1"]),
        ("headers", [("A", ["1"])]),
        ("headers", [(b"A", "1")]),
        ("timeout_body", 10**400),
        ("workers", 0),
        ("limit_concurrency", 0),
        ("uds_permissions", 0o100000),
    ],
)
def test_keywords_of_the_wrong_kind_are_refused(name: str, value: object) -> None:
    """A keyword is checked as strictly as a text: no booleans for numbers, no line breaks in headers."""
    with pytest.raises(ValueError, match=f"^{name}: "):
        from_keywords({name: value})


def test_paths_with_spaces() -> None:
    """Folders and patterns are separated by commas or lines, and not by spaces."""
    options = from_command(["a:b", "--reload-dir", "my project", "--reload-include", "a b*, c"], {})[1]
    assert (options.reload_dirs, options.reload_includes) == (("my project",), ("a b*", "c"))
    options = from_command(["a:b"], {"VITOK_RELOAD_DIRS": "my project\nother\n"})[1]
    assert options.reload_dirs == ("my project", "other")


def test_values_that_are_checked_twice() -> None:
    """A worker reads the options of its supervisor from JSON."""
    texts = ["--mount", "/=f", "--mount", "/a/=g", "--ssl-sni", "MÜnchen.Example=a:b", "--header", "A: 1"]
    options = from_command(["a:b", *texts], {})[1]
    assert options.mounts == (("", "f"), ("/a", "g"))
    assert from_keywords(json.loads(json.dumps(dataclasses.asdict(options)))) == options


def test_uvicorns_spellings_are_understood() -> None:
    """uvicorn's numbers for --ssl-cert-reqs, and the other names of certificate and key."""
    assert from_command(["a:b", "--ssl-cert-reqs", "2"], {})[1].ssl_cert_reqs == "required"
    assert from_keywords({"ssl_cert_reqs": 1}).ssl_cert_reqs == "optional"
    _, options = from_command(["a:b", "--certfile", "c", "--keyfile", "k"], {})
    assert (options.ssl_certfile, options.ssl_keyfile) == ("c", "k")
    assert from_keywords({"ssl_certfile": Path("c")}).ssl_certfile == "c"


def test_help_shows_every_option_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` has each flag with its default."""
    with pytest.raises(SystemExit) as caught:
        from_command(["--help"], {})
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    for option in table():
        assert option.flags[0] in shown
    assert "default: 75" in shown


def test_the_documentation_has_the_table() -> None:
    """docs/serve/options.md shows the table of options as it is in the code."""
    assert serve_table.difference() == "", "run python tests/http/serve_table.py"


def test_every_option_has_a_help_text_and_a_group() -> None:
    """Nothing in the table is left blank, and no two options share a flag."""
    flags = [flag for option in table() for flag in option.flags]
    assert len(flags) == len(set(flags))
    for option in table():
        assert option.help
        assert option.group
        assert option.kind.metavar


@pytest.mark.parametrize(
    "option", [one for one in table() if one.also_variable], ids=lambda option: option.also_variable
)
def test_variables_of_other_programs(option: Option) -> None:
    """A variable that hosts set for other servers is read, but the one of this server has precedence."""
    text, value, _ = sample(option)
    assert from_command(["module:app"], {option.also_variable: text})[1] == Options(**{option.name: value})
    both = {option.also_variable: "1", option.variable: text}
    assert from_command(["module:app"], both)[1] == Options(**{option.name: value})


def test_a_bad_variable_of_another_program_is_named() -> None:
    """The error names the variable that was read."""
    with pytest.raises(OptionError, match=r"^WEB_CONCURRENCY: 'many' is not a whole number"):
        from_command(["module:app"], {"WEB_CONCURRENCY": "many"})
