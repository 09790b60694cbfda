"""Where a run comes from: the commit of the measured code, the command line, the host, and the user's own marks."""
