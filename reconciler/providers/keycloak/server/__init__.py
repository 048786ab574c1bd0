"""The connection to a Keycloak, and its lists in pages."""
