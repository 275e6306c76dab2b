"""CPython's own event loop tests, run with a loop of our choice as asyncio's loop.

Read it in this order: `command` (what a run does), `catalogue` (which tests), `chosen_loop` (how the loop is put in
place), `fork_server` and `child` (a process and a time limit for each test), `verdict` and `reasons` (what is forgiven
and until when), `report` (what is printed).

Nothing here knows vitok but for the name of the default loop; the standard library is all that it imports.
"""
