"""Configuration of the service. Import from the modules: `connection` is light, `service` is not.

- `connection`: how a client finds the API (standard library only)
- `recipes`: shipped recipes and profiles (YAML)
- `service`: the settings tree of the processes (pydantic-settings)
"""
