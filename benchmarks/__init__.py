"""The loops that the engine and the gate are held to, and what measures them.

asv imports every module of this package, and of packages inside it. `comparison` and `peers` are
folders without an `__init__.py`, so that it leaves them alone: the libraries that the peers are
made of are not installed where asv runs.
"""
