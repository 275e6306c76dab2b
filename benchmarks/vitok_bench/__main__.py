"""`python -m vitok_bench`, which `vitok bench` starts: the command line in `bench.py`."""

from __future__ import annotations

from vitok_bench.bench import main

if __name__ == "__main__":
    main()
