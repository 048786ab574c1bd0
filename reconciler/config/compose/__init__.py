"""The stack: Compose files into one model."""
