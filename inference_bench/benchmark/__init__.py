"""How a case is measured: the contract of a benchmark, Measurement, function timing, accuracy tasks."""
