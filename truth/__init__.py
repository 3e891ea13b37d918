"""Statistical gates: what the kit says, held against many companies whose truth is known."""
