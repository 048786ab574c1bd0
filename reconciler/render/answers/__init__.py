"""The answers of the commands that ask and do not change."""
