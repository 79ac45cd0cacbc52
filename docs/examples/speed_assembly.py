"""
Reading the machine code
========================

The hot loop of the direct method as this processor runs it: what its instructions are.
"""

import matplotlib.pyplot as plt

from parconv.experiments.asm import kernels, listing

# Compiled anew, since code from the cache on disk has no listing.
text = kernels.listing("float32")
loops = listing.innermost_loops(text)
loop = max(loops, key=lambda loop: loop.fused)
print(f"{len(text.splitlines()):,} lines, {len(loops)} innermost loops; the largest:")
print(f"{len(loop.instructions)} instructions, {loop.fused} multiply-adds, "
      f"{loop.loads} loads, {loop.stores} stores, {len(loop.spills)} spills")  # fmt: skip

# %%
# Its first instructions.  A pixel's vector is loaded once and meets several taps, so that
# multiply-adds outnumber loads; sums stay in registers, so that there is no store.
print("\n".join(instruction.text for instruction in loop.instructions[:16]))

# %%
# What share of the loop is arithmetic.
figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
counts = loop.counts.most_common()
axis.barh([kind for kind, _ in counts], [count for _, count in counts], color="#6baed6")
axis.invert_yaxis()
axis.set(xlabel="instructions of a pass", title="the hot loop of the direct method, float32")
