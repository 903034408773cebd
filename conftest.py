"""Every test finds the fixtures of e2e/house.py, the real program, started and stopped, and those of e2e/browser.py."""

pytest_plugins = ["house", "browser"]
