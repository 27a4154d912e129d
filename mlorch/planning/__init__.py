"""What to do: pure functions of definitions, history and now."""
