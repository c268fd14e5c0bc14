"""What makes the book: run, check, build, ledger. No recipe imports it."""
