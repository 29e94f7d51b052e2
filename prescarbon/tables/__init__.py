"""Every table that flows."""
