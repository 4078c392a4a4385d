"""All code that the engine writes: text in, functions out, and the text can always be printed."""
