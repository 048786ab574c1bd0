"""The history: runs, changes, facts that a daemon noticed, and who made them."""
