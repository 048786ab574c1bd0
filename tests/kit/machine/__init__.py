"""Servers and programs on this machine that tests start."""
