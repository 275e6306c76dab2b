"""Flask: a page, a form with a file, and a response in parts."""

from collections.abc import Iterator

from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/hello/<name>")
def hello(name: str) -> str:
    """Greet."""
    return f"Hello, {name}! {request.args.get('q', '')} {request.remote_addr}"


@app.post("/upload")
def upload() -> dict[str, object]:
    """Tell what arrived."""
    file = request.files["file"]
    return {"name": file.filename, "length": len(file.read()), "field": request.form["field"]}


@app.get("/parts")
def parts() -> Response:
    """Send a thousand parts."""

    def made() -> Iterator[bytes]:
        for number in range(1000):
            yield b"%d\n" % number

    return Response(made(), mimetype="text/plain")


@app.get("/broken")
def broken() -> str:
    """Raise."""
    raise RuntimeError("broken on purpose")
