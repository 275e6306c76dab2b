"""CPython's own event loop tests, run with a given loop as asyncio's loop.

Reading order: `command` (a run), `catalogue` (the tests), `engines` (those of TLS run on each engine), `chosen_loop`
(how the loop is installed), `fork_server` and `child` (a process and a time limit for each test), `verdict` and
`reasons` (excused failures), `report` (the output).

Only the name of the default loop, and `engines`, refer to vitok; only the standard library is imported.
"""
