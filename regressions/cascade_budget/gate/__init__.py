"""One run of the gate: what each test owes, what it costs, what follows."""
