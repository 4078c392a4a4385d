"""What `cascade-budget` can do: a module a command, and what they share.

The first line of a command's docstring is its help, `configure(parser)` declares the arguments and
`run(arguments)` carries them out and returns the exit code. `cascade_budget.cli` lists them.
"""
