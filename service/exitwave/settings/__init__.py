"""Configuration of the service, read from files and environment.

- `connection`: how a client finds the API (standard library only)
- `service`: the settings tree of the processes (pydantic-settings)
- `yaml_files`: where the shipped configuration is, and how one of its files is read

A setting is what a deployment chooses. What a recipe says belongs to `exitwave.recipes`, a
beamline's profile to `exitwave.scans`. Import from the modules: only `service` is heavy.
"""
