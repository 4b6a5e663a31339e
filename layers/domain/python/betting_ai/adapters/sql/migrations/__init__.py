"""The schema, revision by revision; `betting_ai.adapters.sql.migrate` runs them."""
