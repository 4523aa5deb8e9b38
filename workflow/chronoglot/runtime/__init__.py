"""What every stage stands on: files, errors, the shared start of jobs, changes to libraries."""
