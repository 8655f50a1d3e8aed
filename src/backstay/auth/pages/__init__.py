"""The hosted pages of sign-in, for applications without a front end of their own. They work without scripts."""
