import { SimRandom } from '../../world/random.ts';

/** Its own stream, so that the other seeds are what they would be without any of this. */
const STREAM = 0xd15a;
/** How many seeds lose a majority. */
const CHANCE = 0.3;

/** All chance of a disaster, and whether a seed draws one. */
export function drawDisaster(seed: number): {
  readonly random: SimRandom;
  readonly isDrawn: boolean;
} {
  const random = new SimRandom(seed, STREAM);
  return { random, isDrawn: random.chance(CHANCE) };
}

/** Whether a seed loses a majority of its voters. */
export function drawsDisaster(seed: number): boolean {
  return drawDisaster(seed).isDrawn;
}
