"""Links from what the graph names to what outside datasets name: reference packs, candidates, decisions, linksets."""
