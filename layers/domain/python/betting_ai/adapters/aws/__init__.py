"""Managed services of AWS behind the same ports as the local ones."""
