import { CooeeError, type LogRecord } from '../../../../protocols/interface/index.ts';
import type { TrustAnchor } from '../../../../protocols/membership/index.ts';
import { decodeHead, Replica, TrustBook } from '../../../../protocols/slurp/index.ts';
import { pullRequest, pullResponse } from '../../../../protocols/slurp/protocol.ts';
import {
  batchOf,
  codeOf,
  crypto,
  founder,
  GENESIS,
  headOf,
  Machine,
  recordsOf,
  rename,
  rootOf,
} from '../mesh-world.ts';

export const batch = (seq: number, text = `name ${seq}`) =>
  batchOf(founder, { seq }, [rename(text)]);
export const logOf = (count: number, text?: string): LogRecord[] => [
  GENESIS,
  ...recordsOf(Array.from({ length: count - 1 }, (_, i) => batch(2 + i, text))),
];
export const trustOf = (records: readonly LogRecord[] = [GENESIS]): TrustAnchor => ({
  index: records.length,
  root: rootOf(records),
  voters: [founder.peer],
});

/** Answers a pull from `from`; throws to refuse. The last is the request as it came. */
export type Source = (
  from: number,
  signal?: AbortSignal,
  body?: Uint8Array,
) => Uint8Array | Promise<Uint8Array>;

/** An honest member with that log. */
export const honest =
  (records: readonly LogRecord[], countMax = 512): Source =>
  (from) =>
    pullResponse.encode(
      headOf(records),
      records.slice(from - 1, from - 1 + countMax).map(({ bytes }) => bytes),
    );

export const answer = (records: readonly LogRecord[], head: Uint8Array): Source => {
  return (from) =>
    pullResponse.encode(
      head,
      records.slice(from - 1).map(({ bytes }) => bytes),
    );
};

export class Follower {
  readonly machine: Machine;
  readonly trust: TrustAnchor;
  sources = new Map<string, Source>();
  readonly asked: string[] = [];
  readonly fatal: CooeeError[] = [];
  superseded = 0;
  book: TrustBook;
  replica: Replica;

  private constructor(machine: Machine, trust: TrustAnchor) {
    this.machine = machine;
    this.trust = trust;
    this.book = this.#newBook();
    this.replica = this.#newReplica();
  }

  static async open(sources: readonly Source[], trust = trustOf()): Promise<Follower> {
    const follower = new Follower(await Machine.open({ empty: true }), trust);
    for (const [i, source] of sources.entries()) follower.sources.set(`source ${i}`, source);
    await follower.book.open();
    await follower.replica.open();
    return follower;
  }

  get meshLog() {
    return this.machine.meshLog;
  }

  get conditions() {
    return this.machine.health.list().map(({ code }) => code);
  }

  async pull(): Promise<string> {
    return await this.machine.run(codeOf(this.replica.pull()));
  }

  async restart(kept: { log?: 'lost' | 'kept'; storeBatches?: number } = {}): Promise<void> {
    await this.machine.restart(kept);
    this.book = this.#newBook();
    this.replica = this.#newReplica();
    await this.book.open();
    await this.replica.open();
  }

  #newBook(): TrustBook {
    return new TrustBook({ ...this.machine, meshLog: this.machine.meshLog, crypto }, this.trust);
  }

  #newReplica(): Replica {
    return new Replica({
      ...this.machine,
      meshLog: this.machine.meshLog,
      trust: this.book,
      crypto,
      requester: {
        request: async (peer, _protocol, body, options) => {
          this.asked.push(peer);
          options?.signal?.throwIfAborted();
          const source = this.sources.get(peer);
          if (source === undefined) throw new CooeeError('ERR_WIRE_STREAM');
          return await source(pullRequest.decode(body).from, options?.signal, body);
        },
      },
      sources: () => [...this.sources.keys()],
      onFatal: (error) => this.fatal.push(error),
      onSuperseded: () => this.superseded++,
    });
  }
}

/** A book that has that head at hand and no links: what a serving member needs of it. */
export function bookWith(
  head: () => Uint8Array | undefined,
): Pick<TrustBook, 'chainIndex' | 'highest' | 'links' | 'mark'> {
  return {
    chainIndex: 0,
    highest: () => {
      const bytes = head();
      return bytes === undefined ? undefined : { bytes, signed: decodeHead(bytes) };
    },
    links: async () => [],
    mark: () => undefined,
  };
}
