"""What Chronoglot costs, beside what others do for the same: `python -m bench --help`.

Each benchmark is a module; `registry` lists them. Its cases name the competitors, plain functions
that do the same work; `measure` runs them, `rows` keeps the results and `page` shows them.
"""
