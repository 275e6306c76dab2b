"""One file per rule that clippy, ruff and mypy cannot check. Each has a `check(tree)`."""
