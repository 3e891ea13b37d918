"""One function per chart; they draw what an analysis returned and compute nothing."""
