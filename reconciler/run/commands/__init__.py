"""The commands that do more than reconcile, without their words: export, adopt, doctor and others."""
