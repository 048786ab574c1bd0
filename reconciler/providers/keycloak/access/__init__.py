"""Effective roles of users, and how a plan changes them."""
