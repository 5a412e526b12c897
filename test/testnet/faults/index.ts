import { clock } from './clock.ts';
import { disconnect } from './disconnect.ts';
import { diskFull } from './disk.ts';
import type { Family, World } from './family.ts';
import { cut, delay, loss, partition } from './packets.ts';
import { crash, kill, killMajority, pause, stop } from './process.ts';
import { rolling } from './rolling.ts';

export { CLOCK_PRELOAD } from './clock.ts';
export type { Family, Heal, Target, World } from './family.ts';
export { separate } from './packets.ts';

/** All kinds of faults. */
export const FAMILIES: readonly Family[] = [
  crash,
  kill,
  killMajority,
  stop,
  pause,
  disconnect,
  cut,
  partition,
  loss,
  delay,
  diskFull,
  clock,
  rolling,
];

/** Which kinds can be done here, and why the others cannot. */
export async function usable(
  world: World,
): Promise<{ readonly families: readonly Family[]; readonly skipped: Record<string, string> }> {
  const families: Family[] = [];
  const skipped: Record<string, string> = {};
  for (const family of FAMILIES) {
    const reason = await family.cannot?.(world);
    if (reason === undefined) families.push(family);
    else skipped[family.kind] = reason;
  }
  return { families, skipped };
}
