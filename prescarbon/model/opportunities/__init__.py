"""Switch rules → ranked lines."""
