"""The command line: a command parses, calls one verb of app, prints."""
