"""Maps: what lies on them, how they are painted and framed, flows, responses over the years."""
