"""The tables: one file per kind of resource."""
