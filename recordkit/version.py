"""
The package's version; the format's is `recordkit.container.layout.FORMAT_VERSION`.
"""

__version__ = "0.1.0"
