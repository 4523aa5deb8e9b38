"""All that is changed in libraries of others, a module a library."""
