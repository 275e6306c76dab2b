"""What a spawned child of a process with `vitok.as_uvloop()` imports as uvloop: it takes its own place in sys.modules."""

import vitok

vitok.as_uvloop()
