"""A FastAPI application served by `uvicorn.run`, with the factory of its loop as an argument.

It knows nothing of who asks.
"""

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from scene import FILE, HOST, Scene, chosen, loop_name

app = FastAPI()
scene = Scene()


@app.get("/loop", response_class=PlainTextResponse)
async def loop() -> str:
    """The name of the running loop."""
    return loop_name()


@app.post("/echo")
async def echo(request: Request) -> Response:
    """The body, as it came."""
    return Response(await request.body())


@app.get("/file")
async def file() -> FileResponse:
    """A file, which starlette reads in threads of anyio."""
    return FileResponse(FILE)


@app.get("/meet", response_class=PlainTextResponse)
async def meet() -> str:
    """Wait for the others."""
    return await scene.meet()


@app.get("/stream")
async def stream() -> StreamingResponse:
    """A stream that waits in its middle."""
    return StreamingResponse(scene.stream())


@app.get("/flood")
async def flood() -> StreamingResponse:
    """More than a connection holds."""
    return StreamingResponse(scene.flood())


@app.get("/sent", response_class=PlainTextResponse)
def sent() -> str:
    """How far the flood has come. Not a coroutine, so that FastAPI asks in a thread."""
    return scene.sent()


@app.post("/release", response_class=PlainTextResponse)
async def release() -> str:
    """Let the stream go on."""
    return scene.release()


if __name__ == "__main__":
    uvicorn.run(app, host=HOST, port=0, loop=f"{chosen().__name__}:new_event_loop", access_log=False)
