"""Notes that everybody on the site reads and writes: an application on `vitok.http.App` with a database.

`make run` serves it by `vitok serve notes.app:app --app-dir examples`. docs/tutorial/notes.md builds it step by step.
"""
