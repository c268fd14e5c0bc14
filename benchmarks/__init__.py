"""Side-by-side measurements of the engine against hand-written loops and against other libraries."""
