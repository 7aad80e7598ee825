"""The commands; each in a file of its own, imported only when it is called."""
