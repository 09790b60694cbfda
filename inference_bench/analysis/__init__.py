"""Statistics of samples: estimates, intervals, grades, verdicts. Pure functions without I/O."""
