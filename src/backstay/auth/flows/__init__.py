"""What people do to sign in, stay signed in, and leave."""
