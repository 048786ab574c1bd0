"""The sources of files for a daemon, other than a folder of this machine."""
