"""Every test finds the fixtures of e2e/house.py: the real program, started and stopped."""

pytest_plugins = ["house"]
