"""One run of pytest under the gate: what each test is budgeted for, and what is found."""
