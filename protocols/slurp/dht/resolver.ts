import { type AgentRecord, type Logger, type Metrics, toError } from '../../interface/index.ts';
import type { TrustBook } from '../heads/trust-book.ts';
import type { MeshLog } from '../log/mesh-log.ts';
import { type DhtName, headKey, keyOf } from './key.ts';
import type { Dht } from './ports.ts';
import type { Judged, RecordJudge } from './record-judge.ts';

const GET_TIMEOUT_MS = 5_000;
/** Values of one key that are looked at: members closest to it give the same one. */
const VALUES_MAX = 32;

/** What {@link RecordResolver} works with. */
export interface RecordResolverComponents {
  readonly meshLog: Pick<MeshLog, 'appliedIndex' | 'meshId'>;
  readonly trust: Pick<TrustBook, 'anchor' | 'newest'>;
  readonly dht: Pick<Dht, 'get'>;
  readonly judge: Pick<RecordJudge, 'judge'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Finds agents in the DHT, for a node whose own state is not what the mesh's is. */
export class RecordResolver {
  readonly #components: RecordResolverComponents;

  constructor(components: RecordResolverComponents) {
    this.#components = components;
  }

  /** Whether the log goes on behind what this node has applied, as far as it knows. */
  get isBehind(): boolean {
    const { meshLog, trust } = this.#components;
    const known = trust.newest()?.signed.head.index ?? 0;
    return meshLog.appliedIndex < Math.max(1, trust.anchor.index, known);
  }

  /**
   * The newest record of an agent that verifies here; undefined when there is none, or nobody to
   * ask.
   */
  async find(
    name: Exclude<DhtName, { kind: 'head' }>,
    signal: AbortSignal = AbortSignal.timeout(GET_TIMEOUT_MS),
  ): Promise<AgentRecord | undefined> {
    const { metrics, meshLog } = this.#components;
    const { meshId } = meshLog;
    let found = await this.#newest(keyOf(meshId, name), signal);
    if (found === undefined) {
      // Voters that this node has not heard of may have signed: the head's record leads to them.
      const head = await this.#newest(headKey(meshId), signal);
      if (head !== undefined) found = await this.#newest(keyOf(meshId, name), signal);
    }
    const record = found?.kind === 'agent' ? found.record : undefined;
    const outcome = record === undefined ? 'missing' : 'found';
    metrics.count('cooee_dht_resolved_total', { outcome });
    return record;
  }

  async #newest(key: Uint8Array, signal: AbortSignal): Promise<Judged | undefined> {
    const { dht, judge, logger } = this.#components;
    const values = await dht.get(key, signal).catch((error: unknown) => {
      logger.debug({ err: toError(error) }, 'the DHT gave no answer');
      return [];
    });
    let newest: Judged | undefined;
    for (const value of values.slice(0, VALUES_MAX)) {
      try {
        // A record that is older than one before it is refused as stale: the last one stands.
        newest = await judge.judge(key, value, { isRead: true });
      } catch (error) {
        logger.debug({ err: toError(error) }, 'a record of the DHT is refused');
      }
    }
    return newest;
  }
}
