"""What a spawned child of a process with `vitok.as_uvloop()` imports as uvloop: it puts vitok into its own place."""

import vitok

vitok.as_uvloop()
