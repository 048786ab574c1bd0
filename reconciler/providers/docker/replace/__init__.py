"""The steps that create, update and replace containers, and their order."""
