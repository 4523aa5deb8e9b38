"""Jobs of one machine share the start of Python: a server imports what they need and forks them.

Of a small experiment's time, importing torch, transformers or pandas takes most: seconds in each
of hundreds of jobs. `server.start()` makes a process that imports what the first job of a kind
needed, and computes nothing. A job (`python -m chronoglot encode ...`) finds it by a variable of
its environment and hands itself over (`client`): its arguments, its folder and its streams. What
it does then happens in a process that the server forks, with the libraries there already; the
job's own process passes signals on, and ends as that one ends.

A job that finds no server, or one of another interpreter, package or environment, runs by itself.
"""
