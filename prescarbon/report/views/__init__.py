"""What each reader is told: frozen data, no markup."""
