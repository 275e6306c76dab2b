"""Native applications: `App`, its requests and responses, as far as they are Python.

`vitok.http` exports the public names, each at its first use. This package imports nothing by itself.
"""
