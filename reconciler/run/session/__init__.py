"""The session of a command: files, providers, lock and recorder put together."""
