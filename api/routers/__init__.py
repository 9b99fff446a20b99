"""One router a surface."""
