"""Trying the whole way that users go, so that it is known to be open before they find it shut."""
