"""Protocols that the use cases speak to; adapters implement them."""
