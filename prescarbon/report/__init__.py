"""One typed view per reader, then its faces."""
