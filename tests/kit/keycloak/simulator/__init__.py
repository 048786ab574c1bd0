"""A Keycloak in memory: what the Admin REST API of 26.7 answers to the requests of the provider."""
