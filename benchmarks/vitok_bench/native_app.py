"""The rows of `native_rows.py` by `vitok.http`: plain functions, coroutines, and the former among many routes."""

from __future__ import annotations

from typing import Final

from vitok.http import App, Request

from vitok_bench.http_app import MESSAGE, TEXT
from vitok_bench.native_rows import FILES, ROUTES

HELLO: Final = TEXT.decode()
app = App()
async_app = App()
wide_app = App()


@app.get("/text")
@wide_app.get("/text")
def text(_: Request) -> str:
    return HELLO


@app.get("/json")
@wide_app.get("/json")
def json(_: Request) -> dict[str, str]:
    return MESSAGE


@app.post("/form")
@wide_app.post("/form")
def form(request: Request) -> str:
    return str(request.read_form()["title"])


@app.get("/users/{number:int}")
@wide_app.get("/users/{number:int}")
def user(request: Request) -> str:
    return str(request.path_params["number"])


@async_app.get("/text")
async def late_text(_: Request) -> str:
    return HELLO


@async_app.get("/json")
async def late_json(_: Request) -> dict[str, str]:
    return MESSAGE


@async_app.post("/form")
async def late_form(request: Request) -> str:
    return str((await request.form())["title"])


@async_app.get("/users/{number:int}")
async def late_user(request: Request) -> str:
    return str(request.path_params["number"])


for one in (app, async_app, wide_app):
    one.files("/static", FILES)
for place in range(ROUTES):
    # Half of them have a parameter, and most begin like others, as those of a real application.
    wide_app.get(f"/section{place % 25}/page{place}" + ("/{number:int}" if place % 2 else ""))(text)
