"""Which assets their automation conditions request: a pure function of what is so and what was before."""
