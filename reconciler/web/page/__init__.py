"""The page: what an operator sees, rendered on the server, readable without scripts."""
