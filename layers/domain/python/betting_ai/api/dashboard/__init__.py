"""The dashboard: what `Reading` answers, as pages for people."""
