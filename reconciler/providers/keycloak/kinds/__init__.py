"""The tables: one file per type of object in a realm. `registry.py` lists them."""
