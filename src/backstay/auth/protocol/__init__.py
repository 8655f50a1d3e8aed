"""GoTrue's protocol: requests read, answers and errors worded."""
