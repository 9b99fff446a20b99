"""Contract with users: snapshots of everything that they hold on to."""
