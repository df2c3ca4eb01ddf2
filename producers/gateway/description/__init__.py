"""The description of the interface: `/openapi.json` and `/docs`, made from the routes."""
