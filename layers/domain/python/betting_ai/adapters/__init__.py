"""The outside: databases, feeds, disks."""
