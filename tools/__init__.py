"""The workshop's own tools: the structure checks and what the Makefile asks. Nothing here is installed with vitok."""
