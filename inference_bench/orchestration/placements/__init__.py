"""Where shares are carried out: one file each, found by its name; entry points of the group of this name add some."""
