"""Reading a live realm."""
