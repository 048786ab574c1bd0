"""The parts of a container: ports, mounts, endpoints, files, hooks, and the rules of its roll-out."""
