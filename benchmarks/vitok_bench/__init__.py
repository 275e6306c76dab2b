"""vitok-bench, what `vitok bench` runs: event loops and HTTP servers measured side by side; `python -m vitok_bench`.

The modules are for the command; nothing of them is an interface for other programs, and vitok imports none of them.
"""
