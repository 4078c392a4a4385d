"""What asv stores: its configuration, its result files, and what it would decide from them."""
