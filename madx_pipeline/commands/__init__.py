"""What the commands of `madx` do, a module a command; imported only when a command runs."""
