"""The plan: its order, its policies, what goes along with a step, and the way back."""
