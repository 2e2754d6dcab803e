"""The command line: commands, how runs look in a terminal, the demo."""
