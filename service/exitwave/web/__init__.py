"""The dashboard: one page that shows jobs, and their object, probe and loss as they form.

Here belong the table of the page's panels (`panels`), the BokehJS figures in them
(`figures`), the page's static files (``static/``: ES modules as browsers load them, without
a build step) and the public routes that serve these (`routes`). A module of ``static/panels/``
draws a panel; a module of ``static/`` serves the page as a whole.

Not here: anything that reads jobs or results (`exitwave.api`; the page asks its REST API and
its websocket as any client does), and colours, units and limits of pictures
(`exitwave.files.display` and `exitwave.files.colours`, which files take theirs from, too).
"""

from .routes import add_dashboard

__all__ = ["add_dashboard"]
