"""Delivery: a published period reaches its receivers, once."""

from salesops_kit.reporting.delivery.deliver import Delivery, deliver
from salesops_kit.reporting.delivery.receivers import Receiver, receivers_from

__all__ = ["Delivery", "Receiver", "deliver", "receivers_from"]
