"""Fault injection: killed processes, full disks, damaged files, slow and hostile clients."""
