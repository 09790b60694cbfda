"""What samples say: estimates, intervals, grades, verdicts. Pure functions: no files, no machine."""
