"""Recipes as users name them: found, completed with overrides, and described.

- `loading`: the shipped recipes, and a recipe resolved with its overrides
- `parameter_page`: every parameter of a recipe as a page (``docs/parameters.md``)
- `parameter_schema`: the same as a JSON schema

What a recipe may say, and its checks, belong to `exitwave.schema.recipe`; what it makes the
engine do belongs to the engine.
"""
