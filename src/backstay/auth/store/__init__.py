"""What sign-in keeps: its tables, and how they are read and written."""
