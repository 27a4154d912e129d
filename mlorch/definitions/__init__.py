"""What exists: pure, without clock, disk or database."""
