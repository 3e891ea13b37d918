"""salesops_kit: load a CRM export into one model, measure it, diagnose it, report it.

Import the part you need (`from salesops_kit.workspace import open_workspace`); the package
itself imports nothing, so that a notebook pays only for what it uses.
"""
