"""What was known about an event at a moment, as numbers. Training and serving share it."""
