"""The tables of the kinds that a Swarm holds."""
