"""How a case is measured: the interface of a benchmark, Measurement, function timing, accuracy tasks."""
