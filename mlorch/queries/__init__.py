"""Questions to the log. Those that ask for what goes on take the ids of the `living` runs as well."""
