"""The history of a project: runs, changes and last applied digests, in a SQLite file that may be lost without harm."""
