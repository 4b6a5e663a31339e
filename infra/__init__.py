"""The environments in AWS, as templates."""
