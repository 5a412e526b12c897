import { type AgentRecord, type StateReader, voterSetKey } from '../../interface/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import { linkIndex } from '../heads/trust-store.ts';

import { LINKS_MAX } from '../protocol.ts';
import type { OwnChanges } from './changes.ts';
import { hashKey, headKey, tokenKey } from './key.ts';
import type { DhtJob, JobSource } from './publisher.ts';
import { agentDhtRecord, headDhtRecord, RECORD_LINKS_MAX } from './record-codec.ts';

/** Records that kad-dht gave nobody for two days are dropped by it: far within that. */
const REPUBLISH_MS = 6 * 60 * 60 * 1000;
/** The head is shown to all every few seconds; this copy is for those who hear nobody. */
const HEAD_MS = 60_000;

const AGENT = 'agent/';
const HEAD = 'head';
const STATE = 'state';

/** What {@link OwnRecords} works with. */
export interface OwnRecordsComponents {
  readonly meshId: string;
  /** This node's peer id. */
  readonly self: string;
  readonly state: StateReader;
  readonly trust: Pick<TrustBook, 'highest' | 'links'>;
  readonly changes: Pick<OwnChanges, 'prove'>;
  readonly isLeader: () => boolean;
  /** CID of the newest snapshot of the state that this node holds; undefined while it has none. */
  readonly stateCid: () => string | undefined;
}

/**
 * What this node keeps in the DHT: the records of its own agents, for each its token's and its tiny
 * hash's; as leader the newest head; and that it has the newest snapshot of the state.
 */
export class OwnRecords implements JobSource {
  readonly #components: OwnRecordsComponents;

  constructor(components: OwnRecordsComponents) {
    this.#components = components;
  }

  /** The name of the job of an agent. */
  static nameOf(token: string): string {
    return AGENT + token;
  }

  static readonly head = HEAD;
  static readonly state = STATE;

  names(): readonly string[] {
    const { state, self } = this.#components;
    const names = [HEAD, STATE];
    for (const [token, { peer }] of state.entries('agent')) {
      if (peer === self) names.push(AGENT + token);
    }
    return names;
  }

  periodMs(name: string): number {
    return name === HEAD ? HEAD_MS : REPUBLISH_MS;
  }

  async make(name: string): Promise<readonly DhtJob[] | 'later' | 'gone'> {
    if (name === HEAD) return await this.#head();
    if (name === STATE) {
      const cid = this.#components.stateCid();
      return cid === undefined ? [] : [{ kind: 'provide', cid }];
    }
    const { state, self } = this.#components;
    const record = state.get('agent', name.slice(AGENT.length));
    return record?.peer === self ? await this.#agent(record) : 'gone';
  }

  async #agent(record: AgentRecord): Promise<readonly DhtJob[] | 'later'> {
    const { meshId, trust, changes } = this.#components;
    const head = trust.highest();
    if (head === undefined) return 'later';
    const change = await changes.prove(record.token, head.signed.head.index);
    if (change === undefined) return 'later';
    const value = agentDhtRecord.encode({ record: { ...record }, ...change, head: head.bytes });
    return [
      { kind: 'put', label: 'token', key: tokenKey(meshId, record.token), value },
      { kind: 'put', label: 'hash', key: hashKey(meshId, record.tinyHash), value },
    ];
  }

  /** As leader. */
  async #head(): Promise<readonly DhtJob[] | 'later'> {
    if (!this.#components.isLeader()) return [];
    const job = await this.headJob();
    return job === undefined ? 'later' : [job];
  }

  /**
   * The newest head; undefined after a change of voters before the link that hands over to them is
   * there. @throws CooeeError ERR_STORAGE_*
   */
  async headJob(): Promise<Extract<DhtJob, { kind: 'put' }> | undefined> {
    const { meshId, trust, state } = this.#components;
    const head = trust.highest();
    const changedAt = state.get('voterset', voterSetKey(state.size('voterset')))?.index ?? 1;
    if (head === undefined || head.signed.head.index < changedAt) return undefined;
    const value = headDhtRecord.encode({ head: head.bytes, links: await this.#lastLinks() });
    return { kind: 'put', label: 'head', key: headKey(meshId), value };
  }

  /** 32 links of up to nine voters take at most 64 KiB, so all of them fit. */
  async #lastLinks(): Promise<Uint8Array[]> {
    const { trust } = this.#components;
    let last: Uint8Array[] = [];
    for (let after = 0; ; ) {
      const more = await trust.links(after, LINKS_MAX);
      last = [...last, ...more].slice(-RECORD_LINKS_MAX);
      const end = last.at(-1);
      if (more.length < LINKS_MAX || end === undefined) return last;
      after = linkIndex(end);
    }
  }
}
