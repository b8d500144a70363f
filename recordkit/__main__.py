"""
`python -m recordkit`.
"""

from recordkit.cli.main import run

if __name__ == "__main__":
    run()
