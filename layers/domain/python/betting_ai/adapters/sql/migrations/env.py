"""What Alembic runs: migrate over the connection it is given, in the caller's transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
