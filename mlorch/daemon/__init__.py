"""What goes by itself, for ever: due ticks, the queue of runs, runs, what died, the mirrors."""
