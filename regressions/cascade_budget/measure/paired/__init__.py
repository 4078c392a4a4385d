"""Base and head timed side by side: fresh processes, in lockstep, chunk by chunk."""
