"""How models are made. Never part of a Lambda asset."""
