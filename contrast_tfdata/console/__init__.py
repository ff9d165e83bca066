"""What the five commands share: flags, how they start and end, what a person sees on the way."""
