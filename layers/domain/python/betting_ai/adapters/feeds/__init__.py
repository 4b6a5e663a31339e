"""Where fixtures, prices and results come from."""
