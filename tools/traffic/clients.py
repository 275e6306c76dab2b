"""The clients that are recorded: a command for each case. Hostile peers and raw bytes are in `peers`."""

import sys
from dataclasses import dataclass

# Text, so that a recording can be read; long enough for several chunks and frames.
CONTENT = (b"All work and no play makes a dull recording. " * 100)[:4096]


@dataclass(frozen=True, slots=True)
class Case:
    """A client and what it does. `{port}`, `{url}` and `{folder}` in the command are replaced."""

    name: str
    command: tuple[str, ...]
    # What the client reads from its standard input.
    stdin: bytes = b""
    # The last request of a client that does not end by itself.
    ends_with: str | None = None


def curl(name: str, *arguments: str, stdin: bytes = b"") -> Case:
    """One call of curl."""
    return Case(f"curl-{name}", ("curl", "--silent", "--show-error", "--max-time", "5", *arguments), stdin)


def python(name: str, *lines: str) -> Case:
    """Statements in an interpreter of their own. The modules come from the environment of this one."""
    return Case(name, (sys.executable, "-c", "\n".join(lines)))


def asyncio(name: str, module: str, *lines: str) -> Case:
    """The body of a coroutine function."""
    body = "\n".join(f"    {line}" for line in lines)
    return python(name, f"import asyncio, {module}", f"async def main():\n{body}", "asyncio.run(main())")


def browser(name: str, page: str, ends_with: str) -> Case:
    """A page in Chromium, without a window and without requests of its own."""
    flags = (
        *("--headless=new", "--no-sandbox", "--no-proxy-server", "--no-first-run", "--disable-background-networking"),
        *("--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions"),
        *("--disable-dev-shm-usage", "--disable-gpu", "--user-data-dir={folder}", "--remote-debugging-port=0"),
    )
    return Case(f"chromium-{name}", ("chromium", *flags, f"{{url}}{page}"), ends_with=ends_with)


# Each ends in a request that no other page makes.
PAGES = {
    "/page": b"<!doctype html><title>a</title><link rel=stylesheet href=/style.css><img src=/image.png>",
    "/form": b"<!doctype html><form method=post action=/submitted><input name=a value='b c'></form>"
    b"<script>document.forms[0].submit()</script>",
    "/upload": b"<!doctype html><form method=post action=/uploaded enctype=multipart/form-data>"
    b"<input name=a value='b c'></form><script>document.forms[0].submit()</script>",
    "/fetch": b"<!doctype html><script>fetch('/fetched', {method: 'PUT', body: JSON.stringify({a: 1})})"
    b".then(() => fetch('/deleted', {method: 'DELETE'})).then(() => fetch('/fetch-done'))</script>",
    "/socket": b"<!doctype html><script>const socket = new WebSocket(`ws://${location.host}/chat`);"
    b"socket.onopen = () => { socket.send('hello'); fetch('/socket-done'); }</script>",
}

CLIENTS = (
    curl("get", "{url}/"),
    curl("get-query", "--get", "--data-urlencode", "q=a b&c", "-H", "Accept: text/html", "{url}/search"),
    curl("head", "--head", "{url}/"),
    curl("http10", "--http1.0", "{url}/"),
    curl("http10-keep-alive", "--http1.0", "-H", "Connection: keep-alive", "{url}/a", "{url}/b"),
    curl("keep-alive", "{url}/a", "{url}/b?c"),
    curl("cookies", "--cookie", "a=b; c=d", "--user", "a:b", "--compressed", "--referer", "{url}/x", "{url}/"),
    curl("options", "-X", "OPTIONS", "--request-target", "*", "{url}/"),
    curl("post", "--data", "a=b&c=d", "{url}/form"),
    curl("post-expect", "-H", "Expect: 100-continue", "--data-binary", "@-", "{url}/big", stdin=CONTENT * 4),
    curl("post-chunked", "-H", "Transfer-Encoding: chunked", "--data-binary", "@-", "{url}/", stdin=CONTENT),
    curl("post-multipart", "--form", "a=b", "--form", "f=@-;filename=f.txt", "{url}/upload", stdin=CONTENT[:300]),
    curl("put-stream", "--upload-file", "-", "{url}/stream", stdin=CONTENT),
    curl("put-empty", "-X", "PUT", "--data", "", "{url}/"),
    curl("h2c-upgrade", "--http2", "{url}/"),
    curl("h2c-prior-knowledge", "--http2-prior-knowledge", "{url}/"),
    curl("proxy-get", "--proxy", "{url}", "http://a.example/path?q"),
    curl("proxy-connect", "--proxytunnel", "--proxy", "{url}", "http://a.example/path"),
    curl("haproxy-line", "--haproxy-protocol", "{url}/"),
    curl("socks5", "--proxy", "socks5://127.0.0.1:{port}", "http://192.0.2.1/"),
    curl("https", "https://127.0.0.1:{port}/"),
    curl("gopher", "gopher://127.0.0.1:{port}/1/a"),
    curl("rtsp", "rtsp://127.0.0.1:{port}/a"),
    curl("dict", "dict://127.0.0.1:{port}/d:word"),
    curl("mqtt", "mqtt://127.0.0.1:{port}/a"),
    Case("wget-get", ("wget", "--quiet", "--output-document=-", "{url}/a", "{url}/b")),
    Case("wget-post", ("wget", "--quiet", "--output-document=-", "--post-data=a=b", "{url}/")),
    Case("redis-cli", ("redis-cli", "-p", "{port}", "PING")),
    Case("ssh", ("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-p", "{port}", "127.0.0.1")),
    Case("openssl-tls12", ("openssl", "s_client", "-tls1_2", "-connect", "127.0.0.1:{port}")),
    Case("perl-http-tiny", ("perl", "-MHTTP::Tiny", "-e", "HTTP::Tiny->new->post_form(q({url}/), {a => q(b c)})")),
    Case("node-fetch", ("node", "-e", "fetch('{url}/', {method: 'POST', body: 'a'}).then(() => process.exit())")),
    Case(
        "node-http",
        ("node", "-e", "const r = require('http').request('{url}/', {method: 'PUT'}); r.write('abc'); r.end('de')"),
    ),
    python(
        "http-client",
        "import http.client",
        "c = http.client.HTTPConnection('127.0.0.1', {port})",
        "c.request('GET', '/a'); c.getresponse().read()",
        "c.request('POST', '/b', iter([b'ab', b'cd'])); c.getresponse().read()",
    ),
    python("urllib", "import urllib.request", "urllib.request.urlopen('{url}/', b'a=b').read()"),
    python(
        "requests-session",
        "import requests",
        "s = requests.Session()",
        "s.get('{url}/a')",
        "s.post('{url}/b', json=[1])",
    ),
    python("requests-upload", "import requests", "requests.post('{url}/', files={'f': b'abc'}, data={'a': 'b'})"),
    python(
        "httpx",
        "import httpx",
        "with httpx.Client() as c:",
        "    c.get('{url}/a')",
        "    c.post('{url}/b', content=iter([b'ab']))",
    ),
    asyncio(
        "aiohttp-get",
        "aiohttp",
        "async with aiohttp.ClientSession() as session:",
        "    for target in ('a', 'b'):",
        "        async with session.get('{url}/' + target) as response:",
        "            await response.read()",
    ),
    asyncio(
        "aiohttp-post",
        "aiohttp",
        "async def parts():",
        "    yield b'ab'",
        "    yield b'cd' * 1000",
        "async with aiohttp.ClientSession() as session:",
        "    async with session.post('{url}/stream', data=parts(), expect100=True) as response:",
        "        await response.read()",
        "    async with session.post('{url}/json', json={'a': 1}, compress=True) as response:",
        "        await response.read()",
    ),
    asyncio(
        "aiohttp-websocket",
        "aiohttp",
        "async with aiohttp.ClientSession() as session:",
        "    async with session.ws_connect('{url}/chat') as socket:",
        "        await socket.send_str('hello')",
    ),
    asyncio(
        "websockets",
        "websockets",
        "async with websockets.connect('ws://127.0.0.1:{port}/chat', close_timeout=1) as socket:",
        "    await socket.send('hello')",
    ),
    browser("page", "/page", "/favicon.ico"),
    browser("form", "/form", "/submitted"),
    browser("upload", "/upload", "/uploaded"),
    browser("fetch", "/fetch", "/fetch-done"),
    browser("websocket", "/socket", "/socket-done"),
)
