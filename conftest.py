"""Every test finds the fixtures of e2e/house.py, the real program, started and stopped, and those of e2e/browser.py,
e2e/provider.py and e2e/company.py."""

pytest_plugins = ["house", "browser", "provider", "company"]
