"""The way to an engine: location, transport, versions, credentials, and its failures."""
