/** More than the threads that Node gives to the disk. */
const LANES = 6;

/**
 * Does the same to each item, several at a time, each lane with a place of its own: what waits for
 * the disk most of the time need not wait alone.
 */
export async function inLanes<Item, Lane>(
  items: Iterable<Item>,
  makeLane: () => Promise<Lane>,
  task: (item: Item, lane: Lane) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const run = async (): Promise<void> => {
    const lane = await makeLane();
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      await task(next.value, lane);
    }
  };
  await Promise.all(Array.from({ length: LANES }, run));
}
