"""Raw bytes of peers that no client library plays: pipelining by hand, attacks on framing, and other protocols.

Each is sent through a real socket like those of the clients, in these pieces. The attacks are the variants of request
smuggling (RFC 9112, section 11.2) and the forms that lenient parsers accept.
"""

HOST = b"Host: a.example\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\n" + HOST + b"\r\n"


def pipeline(count: int) -> bytes:
    """Requests as load generators pipeline them."""
    return b"".join(b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n" % number for number in range(count))


PEERS: dict[str, tuple[bytes, ...]] = {
    "pipeline-gets": (pipeline(16),),
    "pipeline-posts": (b"".join(POST + b"Content-Length: %d\r\n\r\n%b" % (n, b"x" * n) for n in (0, 1, 50, 300)),),
    "pipeline-mixed": (
        POST + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n" + b"HEAD /h HTTP/1.1\r\n" + HOST + b"\r\n",
        b"DELETE /d HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + HIDDEN,
    ),
    "pipeline-then-garbage": (GET + b"\r\n" + b"\x00\x01\x02 garbage\r\n\r\n",),
    "smuggle-cl-te": (POST + b"Content-Length: 6\r\n" + CHUNKED + b"\r\n0\r\n\r\nG" + HIDDEN,),
    "smuggle-te-cl": (POST + CHUNKED + b"Content-Length: 4\r\n\r\n5c\r\n" + HIDDEN + b"\r\n0\r\n\r\n",),
    "smuggle-te-te": (POST + CHUNKED + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n" + HIDDEN,),
    "smuggle-te-space": (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,),
    "smuggle-te-tab": (POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + HIDDEN,),
    "smuggle-te-vertical-tab": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,),
    "smuggle-te-http10": (b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,),
    "smuggle-te-identity": (POST + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc" + HIDDEN,),
    "smuggle-cl-cl": (POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + HIDDEN,),
    "smuggle-cl-list": (POST + b"Content-Length: 5, 5\r\n\r\nhello" + HIDDEN,),
    "smuggle-cl-plus": (POST + b"Content-Length: +5\r\n\r\nhello" + HIDDEN,),
    "smuggle-cl-wraps": (POST + b"Content-Length: 18446744073709551617\r\n\r\nx" + HIDDEN,),
    "smuggle-get-with-content": (GET + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,),
    "smuggle-bare-cr": (GET + b"A: b\rTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,),
    "smuggle-bare-lf-field": (POST + b"A: b\nContent-Length: 44\r\n\r\n" + HIDDEN,),
    "smuggle-nul-in-field": (POST + b"A: b\x00\r\nContent-Length: 0\r\n\r\n" + HIDDEN,),
    "smuggle-obs-fold": (POST + b"A: b\r\n Content-Length: 44\r\n\r\n" + HIDDEN,),
    "smuggle-first-line-fold": (b"POST / HTTP/1.1\r\n Content-Length: 44\r\n" + HOST + b"\r\n" + HIDDEN,),
    "smuggle-host-twice": (GET + b"Host: b.example\r\n\r\n",),
    "smuggle-upgrade": (GET + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc" + HIDDEN,),
    "chunk-size-negative": (POST + CHUNKED + b"\r\n-1\r\n\r\n",),
    "chunk-size-prefix": (POST + CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",),
    "chunk-size-wraps": (POST + CHUNKED + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",),
    "chunk-size-space": (POST + CHUNKED + b"\r\n5 \r\nhello\r\n0\r\n\r\n",),
    "chunk-size-empty": (POST + CHUNKED + b"\r\n\r\nhello\r\n0\r\n\r\n",),
    "chunk-bare-lf": (POST + CHUNKED + b"\r\n5\nhello\n0\n\n",),
    "chunk-too-long": (POST + CHUNKED + b"\r\n5\r\nhelloX\r\n0\r\n\r\n",),
    "chunk-extension": (POST + CHUNKED + b'\r\n5;a="b\\"c";d\r\nhello\r\n0;e\r\n\r\n' + HIDDEN,),
    "chunk-extension-bare-lf": (POST + CHUNKED + b"\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",),
    "chunk-extension-endless": (POST + CHUNKED + b"\r\n5;" + b"a" * 1000,),
    "chunk-trailer-framing": (POST + CHUNKED + b"\r\n0\r\nContent-Length: 44\r\n\r\n" + HIDDEN,),
    "chunk-cut": (POST + CHUNKED + b"\r\n400\r\nhello",),
    "head-half": (b"GET / HTTP/1.1\r\nHost: a.exa",),
    "head-bare-lf": (b"GET / HTTP/1.1\nHost: a.example\n\n",),
    "head-empty-lines": (b"\r\n\r\n\r\n" + GET + b"\r\n",),
    "head-http09": (b"GET /\r\n",),
    "head-http12": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",),
    "head-http20": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",),
    "head-lower-case-version": (b"GET / http/1.1\r\n" + HOST + b"\r\n",),
    "head-no-host": (b"GET / HTTP/1.1\r\n\r\n",),
    "head-two-spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",),
    "head-space-in-target": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",),
    "head-nul-in-target": (b"GET /a\x00b HTTP/1.1\r\n" + HOST + b"\r\n",),
    "head-high-bytes": ("GET /\N{LATIN SMALL LETTER E WITH ACUTE} HTTP/1.1\r\n".encode() + HOST + b"\r\n",),
    "head-long-line": (b"GET /" + b"a" * 9000,),
    "head-long-method": (b"A" * 100 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",),
    "head-many-fields": (GET + b"".join(b"A%d: b\r\n" % number for number in range(150)) + b"\r\n",),
    "head-field-without-colon": (GET + b"nonsense\r\n\r\n",),
    "head-field-without-name": (GET + b": b\r\n\r\n",),
    "expect-unknown": (POST + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx",),
    "slow-head": tuple(GET[at : at + 3] for at in range(0, len(GET), 3)) + (b"X-a: b\r\n",) * 5,
    "slow-body": (POST + b"Content-Length: 100\r\n\r\n", *(b"x",) * 20),
    "slow-chunks": (POST + CHUNKED + b"\r\n", *(b"1\r\nx\r\n",) * 20),
    "connect-tunnel": (b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n", b"\x16\x03\x01\x00\x05hello"),
    "gemini": (b"gemini://a.example/\r\n",),
    "smtp": (b"EHLO a.example\r\n",),
    "irc": (b"NICK a\r\nUSER a 0 * :a\r\n",),
    "memcached": (b"get a\r\n",),
    "rdp": (b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",),
    "smb": (b"\x00\x00\x00\x2f\xffSMB\x72\x00\x00\x00\x00\x18\x01\x28" + b"\x00" * 33,),
    "zeros": (bytes(64),),
    "line-ends": (b"\r\n" * 40,),
}
