"""The provider of stacks on Docker Swarm, which places, updates and rolls back containers by itself."""
