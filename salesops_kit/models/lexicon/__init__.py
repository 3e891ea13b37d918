"""Own words as data: praise and complaint in Chinese and English, and traditional characters."""
