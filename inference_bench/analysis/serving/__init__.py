"""What the requests of a load say: objectives met or not, goodput, and whether the queue grew. Pure functions."""
