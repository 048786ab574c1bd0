"""The steps that change a realm, and how they are performed."""
