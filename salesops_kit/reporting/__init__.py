"""Run notebooks for a period, render their pages, publish them all at once."""
