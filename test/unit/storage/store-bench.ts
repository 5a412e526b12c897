import type { KeyValueStore, StoreRange } from '../../../protocols/interface/index.ts';
import type { SwitchFaults } from './log-store-suite.ts';

/** One imagined or real disk with a key-value store on it. */
export interface StoreBench {
  readonly store: KeyValueStore;
  readonly faults: SwitchFaults;
  /** Another process on the same disk; the first one is gone. */
  reborn(): Promise<KeyValueStore>;
  /** Lets the time pass after which deferred writes go to the disk. */
  pass(): Promise<void>;
  /** The same disk after the process was killed: what was written is there, synced or not. */
  killed(): Promise<StoreBench>;
}

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

export const listed = async (
  store: KeyValueStore,
  range?: StoreRange,
): Promise<(readonly [string, string | undefined])[]> => {
  const all: (readonly [string, string | undefined])[] = [];
  for await (const [key, value] of store.entries('state', range)) all.push([key, text(value)]);
  return all;
};
