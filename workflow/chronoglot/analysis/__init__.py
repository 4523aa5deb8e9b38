"""From the scores of single probes to tables: what is learned when, and what is forgotten."""
