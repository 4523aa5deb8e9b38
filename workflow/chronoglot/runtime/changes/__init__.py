"""All that is changed in libraries of others, a module a library.

What is changed is not promised to be there. So each change is made only in the version that it was
checked with; in another the library stays as it is, which is slower, and as right. What is changed
in fairseq stands in `chronoglot.pretraining`: its import on newer Pythons, its masks (`masks`) and
its optimiser (`adam`).
"""
