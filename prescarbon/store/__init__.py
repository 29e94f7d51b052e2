"""What we hold: one Parquet a month and its manifest."""
