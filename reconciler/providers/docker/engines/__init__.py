"""Several engines from one file: each service has one, and each engine is a provider of its own."""
