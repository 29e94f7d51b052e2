"""Measures: what one is, its values, how they compare and move, KPIs."""
