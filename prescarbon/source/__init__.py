"""Where rows come from: every source yields the same prescribing table."""
