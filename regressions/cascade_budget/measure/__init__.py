"""What touches the world: counting, running, timing. Numbers come out; nothing here judges them."""
