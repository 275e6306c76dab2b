"""The HTTP server inside the loop, as far as it is Python: what happens per process, not per request."""
