"""The simulator: an invented company whose causes are known, and its exports in each dialect."""

from salesops_kit.worlds.simulate import Company, simulate
from salesops_kit.worlds.world import World

__all__ = ["Company", "World", "simulate"]
