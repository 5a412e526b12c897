import { type ErrorCode, isCooeeError } from '../interface/index.ts';
import type { RecordVersion } from './record.ts';
import {
  type RecordPlace,
  type RecordSource,
  type ResolvedRecord,
  resolveRecord,
} from './resolve.ts';

/** A link as its author wrote it. */
export interface RecordLink {
  readonly rel: string;
  /** Of any kind of record, of any version. */
  readonly address: string;
}

/** How {@link walkLinks} goes. */
export interface WalkInit {
  /** Which links are followed. */
  readonly follows: (rel: string) => boolean;
  /** Steps from the start. */
  readonly depthMax: number;
  /** Records, the start included. */
  readonly recordsMax: number;
  /** Links that are looked at. */
  readonly linksMax: number;
  /** The links of a submission. @throws CooeeError when its content cannot be read now */
  readonly linksOf: (id: string) => Promise<readonly RecordLink[]>;
}

/** A record that the walk came to. */
export interface WalkedRecord extends RecordVersion {
  readonly address: string;
  /** Steps from the start, which has 0. */
  readonly depth: number;
  /** Why its own links could not be read; absent when they were. */
  readonly problem?: ErrorCode;
}

/** A link that was looked at. */
export interface WalkedLink {
  readonly from: RecordPlace;
  readonly rel: string;
  /** As it was written. */
  readonly address: string;
  /** What it names now; absent when it names nothing: then `problem` says why. */
  readonly to?: RecordPlace;
  readonly problem?: ErrorCode;
}

/** Where a walk came to. */
export interface Walk {
  /** Breadth first, the start before all; each once. */
  readonly records: readonly WalkedRecord[];
  readonly links: readonly WalkedLink[];
  /** Which bound ended it; absent when all was seen. */
  readonly cut?: 'depth' | 'count';
}

/**
 * Follows the links between records, breadth first. A record that was seen is not walked again, so
 * cycles end; a link that leads nowhere is marked.
 *
 * @throws CooeeError ERR_STORAGE_* when the state cannot be read
 */
export async function walkLinks(
  source: RecordSource,
  start: ResolvedRecord,
  init: WalkInit,
): Promise<Walk> {
  const walk = new Walker(source, init);
  walk.meet(start, 0);
  await walk.run();
  const { records, links, cut } = walk;
  return { records, links, ...(cut === undefined ? {} : { cut }) };
}

class Walker {
  readonly records: WalkedRecord[] = [];
  readonly links: WalkedLink[] = [];
  cut: Walk['cut'];
  readonly #source: RecordSource;
  readonly #init: WalkInit;
  readonly #seen = new Set<string>();

  constructor(source: RecordSource, init: WalkInit) {
    this.#source = source;
    this.#init = init;
  }

  async run(): Promise<void> {
    // The records are their own queue: what is met is added behind those that are to be walked.
    for (let at = 0; at < this.records.length; at++) {
      const record = this.records[at];
      if (record?.id === undefined) continue;
      const { links, problem } = await this.#linksOf(record.id);
      if (problem !== undefined) this.records[at] = { ...record, problem };
      for (const link of links.filter(({ rel }) => this.#init.follows(rel))) {
        if (this.links.length >= this.#init.linksMax) {
          this.cut = 'count';
          return;
        }
        this.#follow(record, link);
      }
    }
  }

  /** Takes a record in, unless it was seen or a bound is reached. */
  meet({ record, version }: ResolvedRecord, depth: number): void {
    const key = `${record.address} ${version}`;
    if (this.#seen.has(key)) return;
    if (depth > this.#init.depthMax) {
      this.cut ??= 'depth';
      return;
    }
    if (this.records.length >= this.#init.recordsMax) {
      this.cut = 'count';
      return;
    }
    this.#seen.add(key);
    this.records.push({ address: record.address, depth, ...record.at(version) });
  }

  #follow({ address, version, depth }: WalkedRecord, link: RecordLink): void {
    const from = { address, version };
    const walked = { from, rel: link.rel, address: link.address };
    const target = this.#resolve(link.address, from);
    if (typeof target === 'string') {
      this.links.push({ ...walked, problem: target });
      return;
    }
    const to = { address: target.record.address, version: target.version };
    this.links.push({ ...walked, to });
    this.meet(target, depth + 1);
  }

  #resolve(address: string, from: RecordPlace): ResolvedRecord | ErrorCode {
    try {
      return resolveRecord(this.#source, address, from);
    } catch (error) {
      if (isCooeeError(error) && !error.code.startsWith('ERR_STORAGE_')) return error.code;
      throw error;
    }
  }

  async #linksOf(id: string): Promise<{ links: readonly RecordLink[]; problem?: ErrorCode }> {
    try {
      return { links: await this.#init.linksOf(id) };
    } catch (error) {
      if (isCooeeError(error)) return { links: [], problem: error.code };
      throw error;
    }
  }
}
