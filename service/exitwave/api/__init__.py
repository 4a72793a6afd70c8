"""The HTTP front end. It keeps no state: jobs are in the ledger, pictures in Tiled.

`app.build_app` makes the application, `server.run_api` serves it.
"""
