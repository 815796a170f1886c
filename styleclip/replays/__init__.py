"""Results made again from their records."""
