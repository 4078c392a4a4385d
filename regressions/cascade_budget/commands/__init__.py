"""What `cascade-budget` can do, one module a command.

A module here is a command by being here: its name is the command's name, the first line of its
docstring the help, `configure(parser)` declares the arguments and `run(arguments)` carries them out
and returns the exit code. A module whose name starts with an underscore is none.
"""
