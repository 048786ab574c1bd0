"""Where a daemon's files come from, other than a folder of this machine."""
