"""A folder or zip of runs that others can check without the machine that measured."""
