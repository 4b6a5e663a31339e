"""The API and the dashboard: one FastAPI application, the same under a server and under Lambda."""
