"""What an experiment consists of. Read on every dry run: nothing heavy is imported."""
