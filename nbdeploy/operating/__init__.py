"""What happens to a service after its deploy."""
