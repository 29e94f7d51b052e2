"""The definitions of a run: read once, typed, every fault at once."""
