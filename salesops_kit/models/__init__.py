"""How sure, why, what next: statistics on small frames; they know no table of ours."""
