import { describe, expect, it } from 'vitest';
import type { LogStore } from '../../../../protocols/interface/index.ts';
import type { MessageBody, RaftMessage } from '../../../../protocols/raft/index.ts';
import type { InstalledAt } from '../../../../protocols/slurp/driver/ports.ts';
import { decodeLinkMessage } from '../../../../protocols/slurp/driver/raft-codec.ts';
import { RaftDriver } from '../../../../protocols/slurp/driver/raft-driver.ts';
import { systemError } from '../../../../storage/faults.ts';
import {
  batchOf,
  crypto,
  founder,
  type Machine,
  recordsOf,
  rename,
  second,
  settle,
  third,
} from '../mesh-world.ts';
import { RaftNode, RaftWorld } from './raft-world.ts';

const TERM = 3;

/** The second of three voters, whose leader is the test. */
class Follower {
  readonly machine: Machine;
  readonly driver: RaftDriver;
  /** What it said to the leader. */
  readonly said: RaftMessage[] = [];
  /** Ends the fetch of a snapshot that is under way. */
  installed: (at: InstalledAt) => void = () => undefined;

  constructor(machine: Machine) {
    this.machine = machine;
    this.driver = new RaftDriver(
      {
        ...{ ...machine, meshLog: machine.meshLog, signer: second, crypto },
        random: { bytes: (count) => new Uint8Array(count), fraction: () => 0.5 },
        link: { send: (peer, bytes) => this.#hear(peer, bytes), isConnected: () => true },
        ...{ onChange: () => undefined, onLostState: () => undefined, onFatal: () => undefined },
        installFrom: () => new Promise((resolve) => (this.installed = resolve)),
      },
      { recipient: 'age1aaa' },
    );
  }

  static async start(): Promise<Follower> {
    const node = new RaftNode(new RaftWorld(), second);
    await node.boot([founder, second, third]);
    const follower = new Follower(node.machine);
    await follower.driver.start();
    return follower;
  }

  get lastIndex(): number {
    return this.machine.log.lastIndex;
  }

  /** The leader says something. */
  give(body: MessageBody, entries: readonly Uint8Array[] = []): void {
    const message = { from: founder.peer, to: second.peer, term: TERM, ...body } as RaftMessage;
    const timeMs = this.machine.clock.nowMs();
    this.driver.onMessage(founder.peer, { kind: 'raft', message, entries, timeMs });
  }

  /** Entries behind `prevIndex`, of which none is committed. */
  append(prevIndex: number, prevTerm: number, batches: readonly Uint8Array[]): void {
    const entries = recordsOf(batches, prevIndex + 1, { term: TERM }).map(({ bytes }) => bytes);
    const place = { prevIndex, prevTerm, count: entries.length, commit: 0 };
    this.give({ type: 'append', ...place }, entries);
  }

  #hear(peer: string, bytes: Uint8Array): boolean {
    const read = decodeLinkMessage(bytes, { from: second.peer, to: peer });
    if (read.kind === 'raft' && peer === founder.peer) this.said.push(read.message);
    return true;
  }
}

/** Holds the next write back. @returns what lets it go */
function holdWrite(log: LogStore): () => void {
  const append = log.append.bind(log);
  const { promise, resolve } = Promise.withResolvers<void>();
  log.append = async (...args) => {
    log.append = append;
    await promise;
    await append(...args);
  };
  return resolve;
}

/** 48 KiB each. */
const large = (seq: number): Uint8Array =>
  batchOf(founder, { seq }, [
    { kind: 'agent.grant', body: { claim: new Uint8Array(48 * 1024).fill(seq) } },
  ]);

describe('a follower', () => {
  it('writes all that came while its disk was busy, though a log takes less', async () => {
    const follower = await Follower.start();
    const first = follower.lastIndex + 1;
    const release = holdWrite(follower.machine.log);
    follower.append(first - 1, 2, [batchOf(founder, { seq: 100 }, [rename('small')])]);
    await settle();
    // Two appends on their way are as many as these.
    for (let at = first; at < first + 120; at += 20) {
      const batches = Array.from({ length: 20 }, (_, i) => large(at + i));
      follower.append(at, TERM, batches);
    }
    release();
    await settle();
    await settle();
    expect(follower.machine.health.list()).toEqual([]);
    expect(follower.lastIndex).toBe(first + 120);
    expect(follower.said.at(-1)).toMatchObject({ type: 'append-answer', index: first + 120 });
    await follower.driver.stop();
  });

  it('goes on behind a snapshot that came while its disk failed', async () => {
    const follower = await Follower.start();
    const { machine, driver } = follower;
    const { voters, learners } = driver.status?.configuration ?? { voters: [], learners: [] };
    follower.give({ type: 'snapshot', index: 50, indexTerm: 2 });
    await settle();
    // A write that fails has the core made anew.
    machine.faults.fail('log:write', systemError('ENOSPC'));
    follower.append(follower.lastIndex, 2, [batchOf(founder, { seq: 100 }, [rename('lost')])]);
    await settle();
    expect(driver.status).toBeUndefined();
    machine.faults.mend();
    await machine.clock.advance(600);
    expect(driver.status?.lastIndex).toBe(follower.lastIndex);
    await machine.log.compactBefore(51);
    follower.installed({ index: 50, term: 2, configuration: { voters, learners } });
    await settle();
    expect(driver.status).toMatchObject({ lastIndex: 50, commit: 50 });
    await driver.stop();
  });
});
