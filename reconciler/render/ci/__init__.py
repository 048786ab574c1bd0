"""Findings in the formats that CI systems and code hosts read."""
