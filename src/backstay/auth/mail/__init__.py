"""Mail to users: letters, their templates, the post office, SMTP, the mailbox of development."""
