"""Actions that come with journeymap."""
