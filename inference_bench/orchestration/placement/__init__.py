"""How a share of a sweep is carried out on a node, alone: the contract of a placement, and the process of a share."""
