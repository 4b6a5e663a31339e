"""PostgreSQL through SQLAlchemy and pg8000."""
