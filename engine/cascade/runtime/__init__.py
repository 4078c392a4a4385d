"""What runs: the trampoline, the node-by-node reference, and what both stand on."""
