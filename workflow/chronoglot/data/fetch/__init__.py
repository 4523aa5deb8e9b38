"""Data from its public sources: what there is, downloading it, unpacking it, its licences."""
