"""The lock of a project: its mark, its owner, and the lease of a daemon."""
