import { setImmediate } from 'node:timers/promises';
import { type Clock, CooeeError, type Crypto, LIMITS } from '../../protocols/interface/index.ts';
import {
  type RecordLink,
  type RecordSource,
  type RecordVersion,
  type ResolvedRecord,
  resolveRecord,
  type WalkedRecord,
  walkLinks,
} from '../../protocols/records/index.ts';
import { LINK_RELATIONS } from '../../protocols/submission/index.ts';
import type { HistoryView, RecordView, VersionView } from '../api/routes/index.ts';
import type { HistoryQuery } from '../api/services.ts';
import type { Daemon } from '../daemon.ts';
import type { SubmissionServices } from './submissions/submission-services.ts';

/** About the bytes of values in one answer. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** How long a walk goes on to read: contents may have to come from other members. */
const WALK_MS_MAX = 10_000;
/** Contents that a walk decodes before others have their turn. */
const WALK_SLICE = 16;
/** A relation that stands for all. */
const ANY_RELATION = 'any';
const CURSOR = /^[1-9][0-9]{0,11}$/;

/** What {@link RecordServices} works with. */
export interface RecordServicesInit {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Who has the contents of submissions. */
  readonly submissions: Pick<SubmissionServices, 'contentOf' | 'get'>;
}

/** The services about everything that has an address. */
export class RecordServices {
  readonly #daemon: Pick<Daemon, 'soundNode'>;
  readonly #init: RecordServicesInit;

  constructor(daemon: Pick<Daemon, 'soundNode'>, init: RecordServicesInit) {
    this.#daemon = daemon;
    this.#init = init;
  }

  /** @throws CooeeError as resolveRecord; as SubmissionServices.get for a content */
  async get(address: string): Promise<RecordView> {
    const { kind, record, version: n } = resolveRecord(this.#source(), address);
    const { value, id, ...version } = record.at(n);
    return {
      address: record.address,
      kind,
      ...viewOf(version),
      versions: record.versions,
      value: (id === undefined ? value : await this.#init.submissions.get(id)) as Json,
    };
  }

  /** @throws CooeeError as resolveRecord; ERR_API_QUERY for a cursor or relation that is none */
  async history(query: HistoryQuery): Promise<HistoryView> {
    const source = this.#source();
    const resolved = resolveRecord(source, query.address);
    const { walk } = query;
    if (walk === undefined) return page(resolved, query);
    if (query.cursor !== undefined) throw refuse('cursor', 'a walk is one answer');
    return await this.#walk(source, resolved, { relations: relationsOf(walk), limit: query.limit });
  }

  async #walk(
    source: RecordSource,
    start: ResolvedRecord,
    { relations, limit }: { readonly relations: ReadonlySet<string>; readonly limit: number },
  ): Promise<HistoryView> {
    const { records, links, cut } = await walkLinks(source, start, {
      follows: (rel) => relations.has(rel) || relations.has(ANY_RELATION),
      depthMax: LIMITS.walkDepthMax,
      recordsMax: limit,
      linksMax: LIMITS.walkLinksMax,
      linksOf: this.#linkReader(),
    });
    const versions = upTo(PAGE_BYTES_MAX, records.map(stepOf));
    const end = versions.length < records.length ? 'count' : cut;
    return {
      address: start.record.address,
      versions,
      links: [...links],
      ...(end === undefined ? {} : { cut: end }),
      cursor: null,
    };
  }

  #linkReader(): (id: string) => Promise<readonly RecordLink[]> {
    const { clock, submissions } = this.#init;
    const endMs = clock.monotonicMs() + WALK_MS_MAX;
    let reads = 0;
    return async (id) => {
      if (clock.monotonicMs() > endMs) throw new CooeeError('ERR_API_TIMEOUT');
      reads += 1;
      // A content takes a while to decode: others have their turn in between.
      if (reads % WALK_SLICE === 0) await setImmediate();
      return (await submissions.contentOf(id)).links;
    };
  }

  /** Versions lie in the store: while another state is put there, none can be read. */
  #source(): RecordSource {
    const { state, snapshots } = this.#daemon.soundNode.parts;
    snapshots.assertSound();
    return { state, sha256: this.#init.crypto.sha256 };
  }
}

type Json = RecordView['value'];

/** The newest first, from the version that was asked for or the cursor names. */
function page({ record, version }: ResolvedRecord, { cursor, limit }: HistoryQuery): HistoryView {
  const versions: VersionView[] = [];
  let n = cursor === undefined ? version : Math.min(version, numberOf(cursor));
  for (let bytes = 0; n > 0 && versions.length < limit && bytes < PAGE_BYTES_MAX; n--) {
    const item = itemOf(record.at(n));
    bytes += JSON.stringify(item).length;
    versions.push(item);
  }
  return { address: record.address, versions, cursor: n > 0 ? String(n) : null };
}

/** A record that a walk came to. */
function stepOf({ address, depth, problem, ...version }: WalkedRecord): VersionView {
  return { address, depth, ...itemOf(version), ...(problem === undefined ? {} : { problem }) };
}

/** As many as have about that many bytes, and at least the first. */
function upTo(bytesMax: number, items: readonly VersionView[]): VersionView[] {
  let bytes = 0;
  const end = items.findIndex((item) => {
    const isOver = bytes >= bytesMax;
    bytes += JSON.stringify(item).length;
    return isOver;
  });
  return items.slice(0, end < 0 ? items.length : end);
}

/** Of a submission its id and title, of all else the value. */
function itemOf({ value, id, title, ...version }: RecordVersion): VersionView {
  const view = viewOf(version);
  if (id === undefined) return { ...view, value: value as Json };
  return { ...view, id, ...(title === undefined ? {} : { title }) };
}

function viewOf({ version, index, timeMs, cause }: Omit<RecordVersion, 'value'>) {
  return { version, index, time: new Date(timeMs).toISOString(), cause };
}

function numberOf(cursor: string): number {
  if (CURSOR.test(cursor)) return Number(cursor);
  throw refuse('cursor', 'the cursor is not one of this list');
}

function relationsOf(walk: string | readonly string[]): ReadonlySet<string> {
  const known: readonly string[] = [...LINK_RELATIONS, ANY_RELATION];
  const relations = (typeof walk === 'string' ? [walk] : walk).flatMap((it) => it.split(','));
  for (const relation of relations) {
    if (!known.includes(relation)) throw refuse('walk', `a relation is one of ${known.join(', ')}`);
  }
  return new Set(relations);
}

function refuse(path: string, message: string): CooeeError {
  return new CooeeError('ERR_API_QUERY', message, { details: { part: 'query', path } });
}
