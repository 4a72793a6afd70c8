"""Configuration of the service. Import from its modules; only `connection` is light.

- `connection`: how a client finds the API (standard library only)
- `recipes`: shipped recipes and profiles (YAML)
- `service`: the settings tree of the processes (pydantic-settings)
"""
