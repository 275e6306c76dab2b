"""Tools of the project: the structure checks, and scripts for the Makefile. Nothing here is installed with vitok."""
