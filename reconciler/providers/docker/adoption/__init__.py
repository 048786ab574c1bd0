"""Live containers, networks and volumes in the words of stack.yaml; for ``adopt`` and ``export``."""
