"""Actions that come with journeymap: a file of JSON lines, and a logger."""

from journeymap.adapters.actions.builtin import FileAction, LogAction

__all__ = ["FileAction", "LogAction"]
