"""Sources that come with journeymap."""
