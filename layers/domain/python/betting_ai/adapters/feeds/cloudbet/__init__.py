"""Cloudbet's feed v2: the prices of one bookmaker as they are now."""
