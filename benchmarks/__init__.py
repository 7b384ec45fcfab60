"""What this toolkit is measured by; nothing in it is imported by the library."""
