import type { NodeLife } from '../../../mesh/node-life.ts';
import type { DhtFacts } from '../dht.ts';
import { inTime } from './in-time.ts';

const PROBE_MS = 4_000;

/** Puts the newest signed head into the DHT, which any member may, and asks for it again. */
export async function dhtFacts({ parts }: NodeLife): Promise<DhtFacts> {
  const members = parts.view.connected().length;
  const startMs = performance.now();
  const { value, problem } = await inTime(PROBE_MS, (signal) => parts.records.probe(signal));
  const tookMs = performance.now() - startMs;
  const probe = value === undefined ? undefined : { ...value, tookMs };
  return { members, probe, problem };
}
