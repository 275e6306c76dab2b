"""Popular clients against a plain ASGI application: curl in many ways, aiohttp's client, httpx.

aiohttp's client and httpx are programs of apps/, each on the loop that serves it.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps.scene import FLOOD_CHUNK_BYTES, FLOOD_CHUNKS, LARGE_BODY, MEETING, MIB
from asgi import served
from children import Flavour, run_to_end, words_of
from needs import need_command, need_library
from sites import Site, leave_without_a_word

LOOPS = {"asyncio": "asyncio.unix_events._UnixSelectorEventLoop", "vitok": "vitok.Loop"}
APP = "plain_asgi:app"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "X-OWN")
HEADS = ("--dump-header", "-")
DISCARD = ("--output", Path(os.devnull))
CONNECTS = ("--write-out", "%{num_connects}\n")
# curl writes of a transfer what its server's answer was, in place of the answer.
ANSWERED = ("--write-out", "%{http_version} %{response_code}\n", *DISCARD)


@pytest.fixture(scope="module")
def site(flavour: Flavour) -> Iterator[Site]:
    """The application, served over TCP, as curl sees it."""
    curl = need_command("curl", package="curl")
    with served(APP, flavour) as server:
        yield Site(server.address, curl=curl)


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 16 MiB: more than any buffer on the way."""
    path = tmp_path_factory.mktemp("body") / "file"
    path.write_bytes(LARGE_BODY * 16)
    return path


def test_loop(site: Site, flavour: Flavour) -> None:
    """The application runs on the loop that was chosen."""
    assert site.curl("/loop").decode() == LOOPS[flavour.loop]


def test_scope(site: Site) -> None:
    """The scope tells what curl sent: version, path and query, fields in lower case and in their order."""
    told = json.loads(
        site.curl("/scope/a%20b%2Fc/%C3%A9?x=1&y=%20", "--header", "X-Twice: 1", "--header", "x-twice: 2")
    )
    port = int(site.address.rpartition(":")[2])
    assert (told["type"], told["http_version"], told["method"], told["scheme"]) == ("http", "1.1", "GET", "http")
    assert (told["path"], told["raw_path"]) == ("/scope/a b/c/é", "/scope/a%20b%2Fc/%C3%A9")
    assert (told["query_string"], told["root_path"], told["server"]) == ("x=1&y=%20", "", ["127.0.0.1", port])
    assert told["client"][0] == "127.0.0.1"
    assert [value for name, value in told["headers"] if name == "x-twice"] == ["1", "2"]
    assert ["host", f"127.0.0.1:{port}"] in told["headers"]
    assert told["asgi"]["version"] == "3.0"


def test_large_head(site: Site) -> None:
    """A long query and many long fields, all of which arrive: within the limits that servers commonly have."""
    fields = [word for number in range(80) for word in ("--header", f"X-Field-{number}: {'v' * 500}")]
    told = json.loads(site.curl(f"/scope?{'q' * 7000}", *fields))
    assert told["query_string"] == "q" * 7000
    assert sum(len(value) for name, value in told["headers"] if name.startswith("x-field-")) == 80 * 500


def test_http_1_0(site: Site) -> None:
    """HTTP/1.0: no chunks, the end of a stream is the end of the connection, which nobody keeps unless asked to."""
    assert json.loads(site.curl("--http1.0", "/scope"))["http_version"] == "1.0"
    streamed = site.curl("--http1.0", *HEADS, "--request", "POST", "--data-binary", "as it comes", "/mirror")
    head, _, content = streamed.partition(b"\r\n\r\n")
    assert (content, b"transfer-encoding" in head.lower()) == (b"as it comes", False)
    routes = ("/loop", *DISCARD, "/loop", *DISCARD)
    assert site.curl("--http1.0", *routes, *CONNECTS).split() == [b"1", b"1"]
    asked = ("--header", "Connection: keep-alive", "--data-binary", "some ", "/echo?[1-3]")
    assert site.curl("--http1.0", *asked) == b"some some some "


def test_keep_alive(site: Site) -> None:
    """A hundred requests share a connection, which ends when either side says so."""
    assert site.curl("/loop?[1-100]", *DISCARD, *CONNECTS).split() == [b"1"] + [b"0"] * 99
    close = ("--header", "Connection: close")
    assert site.curl(*close, "/loop?[1-3]", *DISCARD, *CONNECTS).split() == [b"1"] * 3
    assert b"connection: close" in site.curl(*close, *HEADS, "/loop").lower()
    assert site.curl("/farewell?[1-3]", *DISCARD, *CONNECTS).split() == [b"1"] * 3


def test_head(site: Site) -> None:
    """HEAD: the head that GET would have, no content, and the connection goes on."""
    gotten, headed = (site.curl(*how, "/status/200", *DISCARD) for how in (HEADS, ("--head", *HEADS)))
    assert fields_of(headed) == fields_of(gotten)
    assert b"content-length: 10" in headed.lower()
    assert site.curl("--head", "/status/[200-204]", *DISCARD, *CONNECTS).split() == [b"1", b"0", b"0", b"0", b"0"]


def test_methods(site: Site) -> None:
    """Methods that everybody knows, one that few know, and one that nobody knows, with a body each."""
    for method in METHODS:
        told = json.loads(site.curl("--request", method, "--data-binary", "some", "/digest"))
        assert (told["method"], told["length"]) == (method, 4)


def test_statuses(site: Site) -> None:
    """Statuses with content and without, on one connection, and a field that comes twice."""
    codes = (200, 201, 204, 304, 302, 404, 418, 500, 599)
    asked = (word for code in codes for word in (f"/status/{code}", *DISCARD))
    answers = patient(site).curl(*asked, "--write-out", "%{num_connects} %{response_code}\n").decode().splitlines()
    assert answers == [f"{int(code == 200)} {code}" for code in codes]
    assert site.curl(*HEADS, "/status/200").lower().count(b"x-fact: ") == 2
    # Neither has content, and nobody knows how much a 200 would have had (RFC 9110, section 8.6).
    assert b"content-length" not in site.curl(*HEADS, "/status/204", "/status/304").lower()


def test_large_bodies(site: Site, body: Path) -> None:
    """16 MiB in, of a known length and in chunks, and the same out, at once and in parts."""
    expected = {"method": "POST", "length": 16 * MIB, "sha256": hashlib.sha256(body.read_bytes()).hexdigest()}
    chunked = ("--header", "Transfer-Encoding: chunked", "--request", "POST", "--upload-file", "-")
    assert json.loads(site.curl("/digest", "--data-binary", f"@{body}")) == expected
    assert json.loads(site.curl("/digest", *chunked, body=body.read_bytes())) == expected
    assert site.curl("/echo", "--data-binary", f"@{body}") == body.read_bytes()
    assert site.curl("/mirror", *chunked, body=body.read_bytes()) == body.read_bytes()


def test_expect_continue(site: Site, body: Path) -> None:
    """A large body that waits for 100 Continue: told to go on by who reads it, refused for good by who does not."""
    waits = ("--header", "Expect: 100-continue", "--expect100-timeout", "15", "--data-binary", f"@{body}")
    answer = site.curl(*waits, *HEADS, "/digest")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["length"] == 16 * MIB
    refused = patient(site).curl(*waits, *HEADS, "/refuse", "--write-out", "\n%{size_upload}")
    assert (refused.startswith(b"HTTP/1.1 403 "), refused.splitlines()[-1]) == (True, b"0")


def test_early_answer(site: Site, body: Path) -> None:
    """An answer that comes before the body was read reaches a client that is still sending."""
    answer = patient(site).curl("--header", "Expect:", "--data-binary", f"@{body}", *ANSWERED, "/refuse")
    assert answer == b"1.1 403\n"


def test_stream(site: Site) -> None:
    """The beginning of a stream arrives before its end has been written."""
    with site.curl_beside("/stream") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"first\n"
        assert site.curl("--request", "POST", "/release") == b"released"
        assert reader.stdout.read() == LARGE_BODY + b"last\n"


def test_slow_reader(site: Site) -> None:
    """Who does not read is not written to, others are answered meanwhile, and nothing of the flood is lost."""
    with site.connection() as connection:
        connection.request("GET", "/flood")
        answer = connection.getresponse()
        begin = answer.read(1)
        assert site.curl("/loop")
        # Of 16 MiB, the kernel holds a few for the sender and a few KiB for us.
        assert int(site.curl("/sent")) < FLOOD_CHUNKS
        flood = begin + answer.read()
    assert flood == b"".join(bytes([number]) * FLOOD_CHUNK_BYTES for number in range(FLOOD_CHUNKS))


def test_trailers(site: Site, flavour: Flavour) -> None:
    """Trailers come behind the content, where curl shows them; uvicorn has none."""
    if flavour.loop == "asyncio":
        assert patient(site).curl("/trailers") == b"no trailers here"
        return
    answer = site.curl("/trailers", "--header", "TE: trailers", *HEADS)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    # curl writes trailers where it writes heads, when they come.
    assert re.fullmatch(rb"first\nlast\nx-sum: 11\r\nx-end: yes\r\n(\r\n)?", rest)


def test_many_at_once(site: Site) -> None:
    """Requests that wait for each other are all answered: none waits for another's end."""
    at_once = ("--parallel", "--parallel-immediate", "--parallel-max", str(MEETING))
    assert site.curl(*at_once, f"/meet?[1-{MEETING}]") == b"met" * MEETING


def test_visitor_who_leaves(site: Site) -> None:
    """A reset in the middle of an answer harms nobody else."""
    with site.connection() as connection:
        connection.request("GET", "/flood")
        assert connection.getresponse().read(1) == b"\x00"
        leave_without_a_word(connection)
    assert site.curl("/loop")


def test_sending_too_late(site: Site) -> None:
    """Whatever a framework makes of the OSError for a client that is gone, the server does not call it an error."""
    with site.connection() as connection:
        connection.request("GET", "/late")
        assert connection.getresponse().read(5) == b"early"
        leave_without_a_word(connection)
    # The output is judged when the server ends.
    assert site.curl("/gone") == b"gone"


def test_unix_socket(flavour: Flavour, tmp_path: Path) -> None:
    """curl over a Unix socket, whose file goes when the server does."""
    curl = need_command("curl", package="curl")
    socket = tmp_path / "server.sock"
    with served(APP, flavour, socket=socket):
        site = Site("http://localhost", curl=curl)
        told = json.loads(site.curl("--unix-socket", socket, "/scope"))
        assert told["headers"][0] == ["host", "localhost"]
        assert site.curl("--unix-socket", socket, "--data-binary", "some", "/echo") == b"some"
    # uvicorn leaves the file lying on the older Pythons, whose asyncio does.
    assert flavour.loop == "asyncio" or not socket.exists()


def test_tls(flavour: Flavour, certificate: Path, body: Path) -> None:
    """curl over TLS: the scheme, a connection that is shared, large bodies both ways, a stream."""
    curl = need_command("curl", package="curl")
    with served(APP, flavour, certificate=certificate) as server:
        site = Site(server.address, curl=curl, certificate=certificate)
        assert json.loads(site.curl("/scope"))["scheme"] == "https"
        assert site.curl("/loop?[1-10]", *DISCARD, *CONNECTS).split() == [b"1"] + [b"0"] * 9
        assert site.curl("/echo", "--data-binary", f"@{body}") == body.read_bytes()
        test_stream(site)


@pytest.mark.parametrize("library", ["aiohttp", "httpx"])
def test_client(site: Site, flavour: Flavour, library: str) -> None:
    """aiohttp's client and httpx, on the loop that also serves, talk to the application and complain of nothing."""
    need_library(library)
    words = [*words_of(f"asgi_{library}_client.py", flavour), site.address]
    assert run_to_end(words, flavour) == LOOPS[flavour.loop]


def patient(site: Site) -> Site:
    """The same site for a curl that takes every status for an answer."""
    other = Site(site.address, curl=Path(site.curl_words[0]))
    other.curl_words.remove("--fail")
    return other


def fields_of(head: bytes) -> list[bytes]:
    """The lines of a head but for the date, which may have gone on."""
    return [line for line in head.lower().splitlines() if not line.startswith(b"date:")]
