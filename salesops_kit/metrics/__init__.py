"""What happened: pure functions from tables to one small tidy frame each."""
