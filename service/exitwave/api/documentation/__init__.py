"""Descriptions made from the code, for people and programs that use exitwave.

- `openapi`: completes the framework's description of the API
- `schema_files`: JSON schemas of recipes, beamline profiles and settings, as files

The page ``/docs`` is a route (`exitwave.api.routers.docs`); the page of recipe parameters
belongs to `exitwave.recipes`.
"""
