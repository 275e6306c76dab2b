"""The same Sanic server, which is told to take the default loop: on vitok's loop it is started with `python -m vitok`.

It knows nothing of who asks.
"""

from sanic_server import app, serve

app.config.USE_UVLOOP = False

if __name__ == "__main__":
    serve()
