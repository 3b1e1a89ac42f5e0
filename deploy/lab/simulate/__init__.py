"""A simulated world of eight CMOs, its troubles, and the truth about them."""
