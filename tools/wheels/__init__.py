"""The files of a release: `make wheels` builds them, `make wheels-gate` checks them. Nothing is run here."""
