"""One file per rule of the house that clippy, ruff and mypy cannot see. Each has a `check(tree)`."""
