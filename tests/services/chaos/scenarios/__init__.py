"""The faults of the long run, a module for each kind of thing that is broken. Each function takes a `Bench` and gives a `Row`."""
