"""What a notebook means: its statements, what they do to names, and what of them is served, frozen or training."""
