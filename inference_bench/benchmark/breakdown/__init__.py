"""Where the time of a step goes, by module and by operator, seen in passes of their own."""
