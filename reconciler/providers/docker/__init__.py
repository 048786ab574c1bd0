"""Containers, networks, volumes and images of one Docker engine."""
