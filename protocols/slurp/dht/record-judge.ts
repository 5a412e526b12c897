import { createTokenCodec } from '../../agent-id/index.ts';
import type { Metrics } from '../../interface/index.ts';
import { encodeCanonical, equalBytes } from '../../wire/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { decodeHead } from '../machine/codec.ts';
import { type DhtName, parseKey } from './key.ts';
import {
  type AgentDhtRecord,
  agentDhtRecord,
  type HeadDhtRecord,
  headDhtRecord,
} from './record-codec.ts';
import { assertChange, assertInLog, assertNamed, type RecordContext } from './record-rules.ts';
import { refusalOf, refuseRecord } from './refusal.ts';

/** Keys whose newest record is remembered. */
const SEEN_MAX = 16_384;

/** What {@link RecordJudge} works with. */
export interface RecordJudgeComponents extends Pick<RecordContext, 'crypto' | 'decodeClaim'> {
  readonly meshLog: Pick<MeshLog, 'appliedIndex' | 'meshId' | 'state'>;
  readonly trust: Pick<TrustBook, 'accept' | 'learn' | 'newest' | 'verify'>;
  readonly metrics: Metrics;
}

/** A record that passed. */
export type Judged =
  | ({ readonly kind: 'agent' } & AgentDhtRecord & { readonly headIndex: number })
  | ({ readonly kind: 'head' } & HeadDhtRecord & { readonly headIndex: number });

/** How new a record is: by the change that it tells of, then by the head that proves it. */
interface Age {
  readonly index: number;
  readonly headIndex: number;
}

/**
 * Decides which records this node stores for the DHT and believes out of it. kad-dht asks on each
 * PUT_VALUE and for each value that it is given, and does not ask its selector before it writes
 * over a newer record: so what is older than the newest that was seen is refused here.
 */
export class RecordJudge {
  readonly #components: RecordJudgeComponents;
  readonly #context: RecordContext;
  /** By key as text, the one that was seen longest ago first. */
  readonly #seen = new Map<string, Age>();

  constructor(components: RecordJudgeComponents) {
    this.#components = components;
    const { crypto, decodeClaim, meshLog } = components;
    const tokens = createTokenCodec(crypto.sha256);
    this.#context = { mesh: meshLog.meshId, crypto, tokens, decodeClaim };
  }

  /**
   * Checks a record; counts it when it is refused.
   *
   * @param isRead - it is to be read, not kept: an older proof of the same change will do
   * @throws CooeeError ERR_SLURP_RECORD (details.reason: see RecordRefusal), ERR_SLURP_HEAD,
   * ERR_SLURP_ANCHOR, ERR_WIRE_*, ERR_STORAGE_*
   */
  async judge(key: Uint8Array, value: Uint8Array, { isRead } = { isRead: false }): Promise<Judged> {
    try {
      const name = parseKey(this.#context.mesh, key);
      const judged = name.kind === 'head' ? await this.#head(value) : this.#agent(name, value);
      this.#assertNotOlder(keyText(name), ageOf(judged), isRead);
      return judged;
    } catch (error) {
      const reason = refusalOf(error);
      this.#components.metrics.count('cooee_dht_records_refused_total', { reason });
      throw error;
    }
  }

  /** For kad-dht: as {@link judge}. Bound. */
  readonly validate = async (key: Uint8Array, value: Uint8Array): Promise<void> => {
    await this.judge(key, value);
  };

  /** For kad-dht: the place of the newest of records that passed {@link validate}. Bound. */
  readonly select = (key: Uint8Array, values: readonly Uint8Array[]): number => {
    const { kind } = parseKey(this.#context.mesh, key);
    let best = 0;
    let newest: Age = { index: -1, headIndex: -1 };
    for (const [place, value] of values.entries()) {
      const age = kind === 'head' ? headAge(value) : agentAge(value);
      if (!isOlder(newest, age)) continue;
      best = place;
      newest = age;
    }
    return best;
  };

  #agent(name: DhtName, bytes: Uint8Array): Judged {
    const value = agentDhtRecord.decode(bytes);
    assertNamed(this.#context, name, value.record);
    const signed = decodeHead(value.head);
    // Signatures are what costs: what is made up ends at a hash, or at the first one of the head.
    this.#assertState(value);
    const entry = assertInLog(this.#context, value, signed);
    this.#components.trust.verify(value.head);
    assertChange(this.#context, value, entry);
    return { kind: 'agent', ...value, headIndex: signed.head.index };
  }

  /** What this node's own log says goes before what anybody else says. */
  #assertState({ record, index }: AgentDhtRecord): void {
    const { meshLog } = this.#components;
    if (meshLog.appliedIndex < index) return;
    const own = meshLog.state.get('agent', record.token);
    const isSame =
      own !== undefined && equalBytes(encodeCanonical({ ...own }), encodeCanonical(record));
    if (!isSame) throw refuseRecord('state');
  }

  async #head(bytes: Uint8Array): Promise<Judged> {
    const { trust } = this.#components;
    const value = headDhtRecord.decode(bytes);
    const { index } = decodeHead(value.head).head;
    const isNews = index > (trust.newest()?.signed.head.index ?? 0);
    if (isNews) await trust.accept(value.head, value.links);
    else trust.verify(value.head);
    return { kind: 'head', ...value, headIndex: index };
  }

  /**
   * Remembers the newest of each key: bounded by the agents there are, since others do not pass. To
   * who reads it is all one how old the proof of the same change is: holders have different ones.
   */
  #assertNotOlder(key: string, age: Age, isRead: boolean): void {
    const before = this.#seen.get(key);
    if (before !== undefined && isOlder(age, before)) {
      if (isRead && age.index === before.index) return;
      throw refuseRecord('stale');
    }
    this.#seen.delete(key);
    this.#seen.set(key, age);
    if (this.#seen.size <= SEEN_MAX) return;
    const oldest = this.#seen.keys().next();
    if (oldest.done !== true) this.#seen.delete(oldest.value);
  }
}

function keyText(name: DhtName): string {
  if (name.kind === 'token') return `token/${name.token}`;
  return name.kind === 'hash' ? `hash/${name.tinyHash}` : 'head';
}

function ageOf(judged: Judged): Age {
  const { headIndex } = judged;
  return { index: judged.kind === 'agent' ? judged.index : headIndex, headIndex };
}

function agentAge(bytes: Uint8Array): Age {
  const { index, head } = agentDhtRecord.decode(bytes);
  return { index, headIndex: decodeHead(head).head.index };
}

function headAge(bytes: Uint8Array): Age {
  const { index } = decodeHead(headDhtRecord.decode(bytes).head).head;
  return { index, headIndex: index };
}

function isOlder(a: Age, b: Age): boolean {
  return a.index < b.index || (a.index === b.index && a.headIndex < b.headIndex);
}
