"""The login of a person, walked as a browser does it."""
