"""The command line; click is used here only."""
