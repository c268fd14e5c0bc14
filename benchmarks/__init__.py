"""Measurements of the engine side by side with hand-written loops and other libraries."""
