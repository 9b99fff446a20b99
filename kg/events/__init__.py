"""Links from attacks and other happenings to the rows of event datasets (ACLED, UCDP GED, GDELT)."""
