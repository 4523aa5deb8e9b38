"""The settings of an experiment: their model, reading and checking a file, pages made from it."""
