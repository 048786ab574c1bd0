"""A declarative reconciler for Docker and Keycloak: look, compare field by field, apply only the difference."""

__version__ = "0.2.0"
