"""What a laptop has: an embedded PostgreSQL and a folder."""
