"""
The full-screen player. `recordkit.terminal.application` draws with prompt_toolkit and is imported when one starts.

Everything else is plain functions and values: a `Controller` does what keys say, `compose` makes lines of it.
"""

from recordkit.terminal.controller import Asking, Controller, Source, View
from recordkit.terminal.keys import press
from recordkit.terminal.screen import compose, window_title

__all__ = ["Asking", "Controller", "Source", "View", "compose", "press", "window_title"]
