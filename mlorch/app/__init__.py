"""The one place where the parts meet: the verbs that people, the command line and the daemon call."""
