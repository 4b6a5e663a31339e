"""Betting AI: finds value in sports prices, says why, and keeps a record that can be checked."""

__version__ = "0.1.0"
