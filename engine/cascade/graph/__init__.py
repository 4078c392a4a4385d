"""Pure: a lazy result becomes a graph, a template and stages. Nothing here runs a task."""
