"""The shell: passes, execution, lock, daemon."""
