"""The reconciliation: read, plan, act, look again."""
