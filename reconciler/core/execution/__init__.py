"""The account of a run: steps done, progress, what was written, and the pace of trying again."""
