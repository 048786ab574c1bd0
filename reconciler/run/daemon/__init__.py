"""The daemon: hints, looks, repairs, and the state that it shows."""
