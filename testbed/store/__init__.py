"""The grocery store itself: one ASGI application, served as v4 (blue) or v5 (green)."""
