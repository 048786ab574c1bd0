"""Docker for tests: an engine in memory, the real one, its properties and manual drift."""
