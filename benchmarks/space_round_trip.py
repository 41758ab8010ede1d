"""Does every genome come back from its architecture, and can mutation reach every option of every gene?

Per space 10,000 genomes, half of them sampled, half of them mutated or crossed from those before, and random genomes
with dead genes at random. A round trip is decode, then encode. Run: python benchmarks/space_round_trip.py [--save]
"""

import numpy as np
from _line import report, seconds

import eeviz as ee

TRIPS = 10_000
SPACES = ("compact", "aebnas", "edanas", "nachos", "static")


def genomes(space: ee.SearchSpace, count: int, rng: np.random.Generator):
    """Sampled ones, then a walk of mutations with a crossover now and then."""
    for _ in range(count // 2):
        yield space.sample(rng)
    genome, other = space.sample(rng), space.sample(rng)
    for k in range(count - count // 2):
        moved = space.crossover(genome, other, rng) if k % 5 == 0 else space.mutate(genome, rng, 0.3 if k % 2 else None)
        genome, other = moved, genome
        yield moved


def measure(name: str) -> None:
    space, rng = ee.SearchSpace.preset(name), np.random.default_rng(0)
    back, canonical = 0, 0
    seen = [set() for _ in space.genes]
    for genome in genomes(space, TRIPS, rng):
        back += space.encode(space.decode(genome)) == genome
        alive = space.alive(genome)
        noisy = np.where(alive, genome, rng.integers(space.lower, space.upper, endpoint=True))
        canonical += space.canonical(noisy) == genome
        for values, value, a in zip(seen, genome, alive, strict=True):
            if a:
                values.add(value)
    genome = space.sample(rng)
    figures = {
        "genes": len(space.genes),
        "architectures": float(space.size),
        "trips": TRIPS,
        "came_back": back,
        "same_with_dead_genes_at_random": canonical,
        "options": sum(len(gene.options) for gene in space.genes),
        "options_reached": sum(len(values) for values in seen),
        "trip_us": seconds(lambda: [space.encode(space.decode(genome)) for _ in range(100)]) * 1e4,
    }
    bars = {"came_back": TRIPS, "same_with_dead_genes_at_random": TRIPS, "options_reached": figures["options"]}
    report("genomes that come back", figures, at_least=bars, space=name)


if __name__ == "__main__":
    for name in SPACES:
        measure(name)
