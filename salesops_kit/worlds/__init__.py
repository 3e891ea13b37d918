"""The simulator: an invented company whose causes are known, and its exports in each dialect."""

from salesops_kit.worlds.company import World
from salesops_kit.worlds.simulate import simulate

__all__ = ["World", "simulate"]
