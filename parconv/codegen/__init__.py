"""How it becomes machine code: what kernels are made of, and where compiled ones are kept."""
