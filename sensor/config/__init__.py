"""The configuration: a strict YAML file in, one frozen value out, every fault of the file at once."""

from sensor.config.loader import Loaded, find_config, load, load_config
from sensor.config.model import Config

__all__ = ["Config", "Loaded", "find_config", "load", "load_config"]
