"""How it is done: the method, the strategy, the bands and the threads of one problem."""
