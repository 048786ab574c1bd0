"""Realms: users files and exports into canonical representations."""
