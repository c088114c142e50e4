"""Workers: take checks from the queue and evaluate in children that can be killed."""
