"""The Odds API v4: prices of many bookmakers as they are now, and scores."""
