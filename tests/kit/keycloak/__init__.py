"""Keycloak for tests: a server, realms, and a client that answers from a script."""
