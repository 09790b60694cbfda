"""How far a result can be believed: one table of rules, one grade per case."""
