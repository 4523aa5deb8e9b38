"""The page that shows an experiment's results to a colleague, in one file."""
