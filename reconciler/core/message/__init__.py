"""Texts for people: errors and problems with their codes, lists in words, and the rule of what is secret."""
