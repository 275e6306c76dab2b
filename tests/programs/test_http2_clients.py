"""Popular clients of HTTP/2 against a plain ASGI application: curl, nghttp, h2load, httpx and Python's h2.

In clear text they know before that the server speaks it, over TLS they ask (RFC 9113 section 3).
"""

import hashlib
import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from apps.scene import FLOOD_CHUNK_BYTES, FLOOD_CHUNKS, LARGE_BODY, MEETING, MIB
from asgi import served
from children import FLAVOURS, Flavour, run_to_end, words_of
from http2_client import Http2Client
from http2_frames import Code, Setting
from needs import need_command, need_library
from sites import ANSWER_SECONDS, Site

pytestmark = pytest.mark.vitok_only

APP = "plain_asgi:app"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "X-OWN")
HEADS = ("--dump-header", "-")
DISCARD = ("--output", Path(os.devnull))
CONNECTS = ("--write-out", "%{num_connects}\n")
ANSWERED = ("--write-out", "%{http_version} %{response_code}\n", *DISCARD)
# What h2load says of its requests.
LOADED = re.compile(r"requests: (\d+) total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored")
FLOOD = b"".join(bytes([number]) * FLOOD_CHUNK_BYTES for number in range(FLOOD_CHUNKS))


@pytest.fixture(scope="module", params=["vitok", "vitok-dev"])
def ours(request: pytest.FixtureRequest) -> Flavour:
    """Our loop, also in development mode."""
    return FLAVOURS[request.param]


@pytest.fixture(scope="module", params=["clear", "TLS"])
def site(request: pytest.FixtureRequest, ours: Flavour, certificate: Path) -> Iterator[Site]:
    """The application, served in clear text or over TLS, as curl sees it, which speaks HTTP/2 alone."""
    curl = need_command("curl", package="curl")
    trusted = certificate if request.param == "TLS" else None
    with served(APP, ours, certificate=trusted) as server:
        site = Site(server.address, curl=curl, certificate=trusted)
        site.curl_words.append("--http2" if trusted else "--http2-prior-knowledge")
        yield site


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 16 MiB: more than any window and any buffer on the way."""
    path = tmp_path_factory.mktemp("body") / "file"
    path.write_bytes(LARGE_BODY * 16)
    return path


def connected(site: Site, **more: object) -> Http2Client:
    """Connect Python's h2."""
    trusting = None if site.certificate is None else ssl.create_default_context(cafile=site.certificate)
    return Http2Client(int(site.address.rpartition(":")[2]), tls=trusting, name="127.0.0.1", **more)


def test_scope(site: Site) -> None:
    """The scope tells the version, path and query, and fields in their order; the authority is the first, as Host."""
    told = json.loads(
        site.curl("/scope/a%20b%2Fc/%C3%A9?x=1&y=%20", "--header", "X-Twice: 1", "--header", "x-twice: 2")
    )
    scheme, _, host = site.address.partition("://")
    assert (told["type"], told["http_version"], told["method"], told["scheme"]) == ("http", "2", "GET", scheme)
    assert (told["path"], told["raw_path"]) == ("/scope/a b/c/é", "/scope/a%20b%2Fc/%C3%A9")
    assert (told["query_string"], told["root_path"]) == ("x=1&y=%20", "")
    assert told["client"][0] == told["server"][0] == "127.0.0.1"
    assert told["headers"][0] == ["host", host]
    assert [value for name, value in told["headers"] if name == "x-twice"] == ["1", "2"]
    assert not [name for name, _ in told["headers"] if name.startswith(":")]


def test_large_head(site: Site) -> None:
    """A long query and many long fields, in several frames."""
    fields = [word for number in range(80) for word in ("--header", f"X-Field-{number}: {'v' * 500}")]
    told = json.loads(site.curl(f"/scope?{'q' * 7000}", *fields))
    assert told["query_string"] == "q" * 7000
    assert sum(len(value) for name, value in told["headers"] if name.startswith("x-field-")) == 80 * 500


def test_one_connection(site: Site) -> None:
    """A hundred requests share a connection; what HTTP/1.1 says about its end is not taken over."""
    with connected(site) as client:
        for path in ["/loop"] * 100 + ["/farewell"] * 3:
            answer = client.ask(path)
            assert (answer.status, answer.all(b"connection")) == (200, [])
        assert not client.peer.goaways
    if site.certificate is None:
        # curl 7.88, that of Debian 12, fails when it uses such a connection again.
        return
    assert site.curl("/loop?[1-100]", *DISCARD, *CONNECTS).split() == [b"1"] + [b"0"] * 99
    assert site.curl("/farewell?[1-3]", *DISCARD, *CONNECTS).split() == [b"1", b"0", b"0"]
    assert b"connection:" not in site.curl(*HEADS, "/farewell").lower()
    codes = [b"1", b"0", b"0", b"0", b"0"]
    assert site.curl("--head", "/status/[200-204]", *DISCARD, *CONNECTS).split() == codes


def test_head(site: Site) -> None:
    """HEAD: the head that GET would have, and no content."""
    gotten, headed = (site.curl(*how, "/status/200", *DISCARD) for how in (HEADS, ("--head", *HEADS)))
    assert fields_of(headed) == fields_of(gotten)
    assert b"content-length: 10" in headed.lower()
    assert headed.startswith(b"HTTP/2 200")


def test_methods_and_statuses(site: Site) -> None:
    """Methods that everybody knows, one that nobody knows, with a body each; statuses with content and without."""
    for method in METHODS:
        told = json.loads(site.curl("--request", method, "--data-binary", "some", "/digest"))
        assert (told["method"], told["length"]) == (method, 4)
    for code in (200, 201, 204, 304, 302, 404, 418, 500, 599):
        head = patient(site).curl(*HEADS, f"/status/{code}").lower()
        assert head.startswith(b"http/2 %d" % code)
        # Nobody knows how much content a 304 would have had (RFC 9110 section 8.6).
        assert (b"content-length" in head) == (code not in (204, 304))
        assert head.count(b"x-fact: ") == (0 if code in (204, 304) else 2)


def test_large_bodies(site: Site, body: Path) -> None:
    """16 MiB in, of a known length and not, and the same out, at once and in parts."""
    expected = {"method": "POST", "length": 16 * MIB, "sha256": hashlib.sha256(body.read_bytes()).hexdigest()}
    unknown = ("--request", "POST", "--upload-file", "-")
    assert json.loads(site.curl("/digest", "--data-binary", f"@{body}")) == expected
    assert json.loads(site.curl("/digest", *unknown, body=body.read_bytes())) == expected
    assert site.curl("/echo", "--data-binary", f"@{body}") == body.read_bytes()
    assert site.curl("/mirror", *unknown, body=body.read_bytes()) == body.read_bytes()


def test_early_answer(site: Site, body: Path) -> None:
    """An answer that comes before the body was read reaches a client that is still sending."""
    assert nghttp("--data", body, f"{site.address}/refuse") == b"no, thank you"
    with connected(site) as client:
        number = client.request("/refuse", method="POST", body=LARGE_BODY, end=False)
        assert client.answer(number).status == 403
        # The rest is not wanted, which is no error (RFC 9113 section 8.1).
        assert client.code(number) == Code.NO_ERROR
        assert client.ask("/loop").status == 200


def test_stream(site: Site) -> None:
    """The beginning of a stream arrives before its end has been written."""
    with site.curl_beside("/stream") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"first\n"
        assert site.curl("--request", "POST", "/release") == b"released"
        assert reader.stdout.read() == LARGE_BODY + b"last\n"


def test_slow_reader(site: Site) -> None:
    """Who does not open the window of a stream is not written to there, while other streams of his are answered."""
    with connected(site, releases=False, settings={Setting.INITIAL_WINDOW_SIZE: 10_000}) as client:
        number = client.request("/flood")
        client.wait(lambda: client.peer.streams[number].unreleased == 10_000)
        assert client.ask("/loop").status == 200
        assert int(client.ask("/sent").body) < FLOOD_CHUNKS
        stream = client.peer.streams[number]
        while not stream.is_over:
            client.peer.release(number)
            assert client.read()
        assert stream.body == FLOOD


def test_trailers(site: Site) -> None:
    """Trailers come behind the content, whatever the request says."""
    answer = site.curl("/trailers", *HEADS)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert re.fullmatch(rb"first\nlast\nx-sum: 11\r\nx-end: yes\r\n(\r\n)?", rest)


def test_many_at_once(site: Site) -> None:
    """Requests that wait for each other are all answered, by a single connection."""
    with connected(site) as client:
        numbers = [client.request("/meet") for _ in range(MEETING)]
        assert [client.answer(number).body for number in numbers] == [b"met"] * MEETING
    if site.certificate is not None:
        at_once = ("--parallel", "--parallel-max", str(MEETING))
        assert site.curl(*at_once, f"/meet?[1-{MEETING}]") == b"met" * MEETING


def test_visitors_who_leave(site: Site) -> None:
    """A stream that is reset in the middle of an answer, and a connection that is closed there, harm nobody else."""
    with connected(site) as client:
        number = client.request("/flood")
        client.head(number)
        client.reset(number, Code.CANCEL)
        assert client.ask("/loop").status == 200
        client.head(client.request("/flood"))
    assert site.curl("/loop")


def test_sending_too_late(site: Site) -> None:
    """Whatever a framework makes of the OSError for a stream that is gone, the server does not call it an error."""
    with connected(site) as client:
        number = client.request("/late")
        client.wait(lambda: client.peer.streams[number].body == b"early")
        client.reset(number, Code.CANCEL)
        # The output is judged when the server ends.
        assert client.ask("/gone").body == b"gone"


def test_nghttp(site: Site, body: Path) -> None:
    """nghttp asks for several things at once, with an upload, trailers and continuations, and finds no fault."""
    address = site.address
    output = nghttp("--no-dep", *(f"{address}/status/{code}" for code in (200, 404, 500)), f"{address}/loop")
    assert output.count(b"status ") == 3
    assert b"vitok.Loop" in output
    assert nghttp("--null-out", "--multiply=20", f"{address}/flood", f"{address}/loop") == b""
    told = json.loads(nghttp("--data", body, "--trailer=x-sum: 1", f"{address}/digest"))
    assert told["length"] == 16 * MIB
    told = json.loads(nghttp("--continuation", "--padding=200", "--header=x-long: " + "v" * 9000, f"{address}/scope"))
    assert ["x-long", "v" * 9000] in told["headers"]
    verbose = nghttp("--verbose", "--null-out", "--window-bits=10", f"{address}/flood").decode()
    assert verbose.count("recv RST_STREAM") == verbose.count("recv GOAWAY") == 0
    assert verbose.count("\n[") > FLOOD_CHUNKS


def test_an_upgrade(ours: Flavour) -> None:
    """`Upgrade: h2c` is not followed (RFC 9113 section 3.1): curl gets its answer in HTTP/1.1."""
    curl = need_command("curl", package="curl")
    with served(APP, ours) as server:
        site = Site(server.address, curl=curl)
        assert site.curl("--http2", "/loop", *ANSWERED) == b"1.1 200\n"
        assert site.curl("/loop", *ANSWERED) == b"1.1 200\n"


@pytest.mark.parametrize(("route", "content"), [("/loop", ""), ("/digest", "x" * 10_240), ("/status/200", "")])
def test_h2load(site: Site, tmp_path: Path, route: str, content: str) -> None:
    """h2load: connections of many streams, each request answered well."""
    command = need_command("h2load", package="nghttp2-client")
    words = [command, "--requests=2000", "--clients=4", "--max-concurrent-streams=20", f"{site.address}{route}"]
    if content:
        (tmp_path / "content").write_text(content)
        words.append(f"--data={tmp_path / 'content'}")
    done = subprocess.run(words, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True)
    found = LOADED.search(done.stdout)
    assert found is not None, done.stdout
    assert found.groups() == ("2000", "2000", "0", "0"), done.stdout
    assert "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx" in done.stdout


@pytest.mark.parametrize("loop", ["vitok", "asyncio"])
def test_httpx(site: Site, loop: str) -> None:
    """httpx, on our loop and on asyncio's, talks to the application and complains of nothing."""
    need_library("httpx")
    flavour = FLAVOURS[loop]
    trust = {} if site.certificate is None else {"SSL_CERT_FILE": str(site.certificate)}
    words = [*words_of("asgi_httpx_client.py", flavour), site.address, "HTTP/2"]
    assert run_to_end(words, flavour, **trust).endswith("Loop")


def test_unix_socket(ours: Flavour, tmp_path: Path) -> None:
    """curl over a Unix socket."""
    curl = need_command("curl", package="curl")
    socket = tmp_path / "server.sock"
    with served(APP, ours, socket=socket):
        site = Site("http://localhost", curl=curl)
        words = ("--http2-prior-knowledge", "--unix-socket", socket)
        told = json.loads(site.curl(*words, "/scope"))
        assert (told["http_version"], told["headers"][0]) == ("2", ["host", "localhost"])
        assert site.curl(*words, "--data-binary", "some", "/echo") == b"some"


def nghttp(*words: str | Path) -> bytes:
    """Run nghttp, which must succeed and have nothing to say about it. Return what it wrote."""
    command = need_command("nghttp", package="nghttp2-client")
    done = subprocess.run(
        [command, "--no-verify-peer", *words], capture_output=True, timeout=ANSWER_SECONDS, check=True
    )
    # It knows of certificates that it does not check.
    said = [line for line in done.stderr.splitlines() if line and b"certificate" not in line]
    assert said == []
    return done.stdout


def patient(site: Site) -> Site:
    """The same site for a curl that takes every status for an answer."""
    other = Site(site.address, curl=Path(site.curl_words[0]), certificate=site.certificate)
    other.curl_words = [word for word in site.curl_words if word != "--fail"]
    return other


def fields_of(head: bytes) -> list[bytes]:
    """The lines of a head but for the date, which may have gone on."""
    return [line for line in head.lower().splitlines() if not line.startswith(b"date:")]
