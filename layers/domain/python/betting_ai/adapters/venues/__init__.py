"""Where bets are placed: paper, and bookmakers with an API."""
