"""Realms and what is in them, of one Keycloak."""
