"""How many requests a second one replica answers, and what follows from that."""
