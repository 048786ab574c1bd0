"""The adapters of the APIs; neighbours do not know each other."""
