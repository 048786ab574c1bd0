"""Docker Swarm for tests: a cluster in memory, a real one of one node, and the fields of a service."""
