import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CooeeError,
  type LogRecord,
  type RequestHandler,
  type Responder,
} from '../../../protocols/interface/index.ts';
import {
  decodeHead,
  encodeHead,
  Replica,
  type ReplicaTrust,
  serveReplica,
} from '../../../protocols/slurp/index.ts';
import { pullRequest, pullResponse } from '../../../protocols/slurp/protocol.ts';
import { encodeCanonical, signingInput } from '../../../protocols/wire/index.ts';
import { systemError } from '../../../storage/faults.ts';
import {
  add,
  batchOf,
  codeOf,
  crypto,
  dump,
  founder,
  GENESIS,
  headOf,
  issue,
  Machine,
  MESH,
  recordsOf,
  rename,
  rootOf,
  second,
  settle,
} from './mesh-world.ts';

const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled);
});
afterEach(async () => {
  await settle();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

const batch = (seq: number, text = `name ${seq}`) => batchOf(founder, { seq }, [rename(text)]);
const logOf = (count: number, text?: string): LogRecord[] => [
  GENESIS,
  ...recordsOf(Array.from({ length: count - 1 }, (_, i) => batch(2 + i, text))),
];
const trustOf = (records: readonly LogRecord[] = [GENESIS]): ReplicaTrust => ({
  index: records.length,
  root: rootOf(records),
  voters: [founder.peer],
});

/** Answers a pull from `from`; throws to refuse. */
type Source = (from: number, signal?: AbortSignal) => Uint8Array | Promise<Uint8Array>;

/** An honest member with that log. */
const honest =
  (records: readonly LogRecord[], countMax = 512): Source =>
  (from) =>
    pullResponse.encode(
      headOf(records),
      records.slice(from - 1, from - 1 + countMax).map(({ bytes }) => bytes),
    );

const answer = (records: readonly LogRecord[], head: Uint8Array): Source => {
  return (from) =>
    pullResponse.encode(
      head,
      records.slice(from - 1).map(({ bytes }) => bytes),
    );
};

class Follower {
  readonly machine: Machine;
  readonly trust: ReplicaTrust;
  sources = new Map<string, Source>();
  readonly asked: string[] = [];
  readonly fatal: CooeeError[] = [];
  replica: Replica;

  private constructor(machine: Machine, trust: ReplicaTrust) {
    this.machine = machine;
    this.trust = trust;
    this.replica = this.#newReplica();
  }

  static async open(sources: readonly Source[], trust = trustOf()): Promise<Follower> {
    const follower = new Follower(await Machine.open({ empty: true }), trust);
    for (const [i, source] of sources.entries()) follower.sources.set(`source ${i}`, source);
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
    this.replica = this.#newReplica();
    await this.replica.open();
  }

  #newReplica(): Replica {
    return new Replica(
      {
        ...this.machine,
        meshLog: this.machine.meshLog,
        crypto,
        requester: {
          request: async (peer, _protocol, body, options) => {
            this.asked.push(peer);
            options?.signal?.throwIfAborted();
            const source = this.sources.get(peer);
            if (source === undefined) throw new CooeeError('ERR_WIRE_STREAM');
            return await source(pullRequest.decode(body).from, options?.signal);
          },
        },
        sources: () => [...this.sources.keys()],
        onFatal: (error) => this.fatal.push(error),
      },
      this.trust,
    );
  }
}

describe('Replica.pull', () => {
  it('catches up in several pulls and comes to the state of its source', async () => {
    const source = await Machine.open();
    await source.take(Array.from({ length: 1_200 }, (_, i) => batch(2 + i)));
    const handlers = new Map<string, RequestHandler>();
    const responder: Responder = {
      handle: async (protocol, handler) => void handlers.set(protocol, handler),
      unhandle: async () => undefined,
    };
    const index = source.meshLog.appliedIndex;
    const bytes = headOf(await source.records());
    await serveReplica({ meshLog: source.meshLog, responder, head: () => ({ bytes, index }) });
    const serve = handlers.get(`/cooee/${MESH}/replica/1`) as RequestHandler;
    const ask: Source = (from) =>
      serve('me', pullRequest.encode(from), new AbortController().signal);
    const follower = await Follower.open([ask]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.asked).toHaveLength(3);
    expect(dump(follower.meshLog.state)).toEqual(dump(source.meshLog.state));
    expect(follower.replica.headIndex).toBe(1_201);
    expect(follower.replica.head()).toEqual(bytes);
    await follower.restart({ storeBatches: 1_000 });
    expect(follower.replica.headIndex).toBe(1_201);
    expect(follower.meshLog.appliedIndex).toBe(1_201);
  });

  it('serves no entries beyond the head, none without a head, and none of nonsense', async () => {
    const source = await Machine.open();
    await source.take([batch(2), batch(3)]);
    let head: { bytes: Uint8Array; index: number } | undefined;
    let serve: RequestHandler | undefined;
    await serveReplica({
      meshLog: source.meshLog,
      responder: {
        handle: async (_protocol, handler) => {
          serve = handler;
        },
        unhandle: async () => undefined,
      },
      head: () => head,
    });
    const ask = async (body: Uint8Array) =>
      await (serve as RequestHandler)('me', body, new AbortController().signal);
    expect(await codeOf(ask(pullRequest.encode(1)))).toBe('ERR_SLURP_NO_LEADER');
    head = { bytes: headOf(logOf(2)), index: 2 };
    expect(pullResponse.decode(await ask(pullRequest.encode(1))).entries).toHaveLength(2);
    expect(pullResponse.decode(await ask(pullRequest.encode(2))).entries).toHaveLength(1);
    expect(pullResponse.decode(await ask(pullRequest.encode(3))).entries).toHaveLength(0);
    expect(pullResponse.decode(await ask(pullRequest.encode(2 ** 50))).entries).toHaveLength(0);
    expect(await codeOf(ask(encodeCanonical({ v: 1, from: 0 })))).toBe('ERR_WIRE_MALFORMED');
  });

  it('fills an answer with large entries no further than a frame', async () => {
    const source = await Machine.open();
    const large = Array.from({ length: 40 }, (_, i) =>
      batchOf(founder, { seq: 2 + i }, [
        { kind: 'agent.grant', body: { claim: new Uint8Array(48 * 1024).fill(i) } },
      ]),
    );
    await source.take(large);
    const bytes = headOf(await source.records());
    let serve: RequestHandler | undefined;
    await serveReplica({
      meshLog: source.meshLog,
      responder: {
        handle: async (_protocol, handler) => {
          serve = handler;
        },
        unhandle: async () => undefined,
      },
      head: () => ({ bytes, index: 41 }),
    });
    const sizes: number[] = [];
    const follower = await Follower.open([
      async (from) => {
        const body = pullRequest.encode(from);
        const out = await (serve as RequestHandler)('me', body, new AbortController().signal);
        sizes.push(out.length);
        return out;
      },
    ]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(41);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1024 * 1024);
  });

  const records = logOf(6);
  const forgedBatch = () => {
    const mine = batchOf(second, { seq: 1 }, [rename('x')]);
    mine[mine.length - 1] = (mine.at(-1) as number) ^ 1;
    return mine;
  };
  const bent = (index: number, change: (record: LogRecord) => LogRecord) =>
    records.map((record) => (record.index === index ? change(record) : record));
  const replaced = (with_: Uint8Array, place = {}) =>
    bent(4, () => recordsOf([with_], 4, place)[0] as LogRecord);
  const sigOf = (signer: typeof founder, body: Uint8Array) => ({
    voter: signer.peer,
    s: signer.sign(signingInput('head', body)),
  });
  const body = decodeHead(headOf(records)).body;
  const headWith = (...sigs: object[]) => encodeCanonical({ h: body, sigs });

  it.each<[string, Source, string, object]>([
    ['a forged batch', honest(replaced(forgedBatch())), 'ERR_SLURP_SIGNATURE', { index: 4 }],
    [
      'a genuine batch of another mesh',
      honest(
        replaced(batchOf(founder, { seq: 9, mesh: `bafyrei${'b'.repeat(52)}` }, [rename('x')])),
      ),
      'ERR_SLURP_SIGNATURE',
      { index: 4 },
    ],
    [
      'entries out of order',
      honest([...records.slice(0, 3), records[4], records[3], records[5]] as LogRecord[]),
      'ERR_SLURP_HEAD',
      { reason: 'order' },
    ],
    [
      'entries beyond the head',
      answer(records, headOf(records.slice(0, 4))),
      'ERR_SLURP_HEAD',
      { reason: 'beyond' },
    ],
    [
      'an entry of a term to come',
      honest(replaced(batch(4), { term: 2 ** 50 })),
      'ERR_SLURP_HEAD',
      { reason: 'term' },
    ],
    [
      'a wrong root',
      answer(replaced(batch(4, 'x')), headOf(records)),
      'ERR_SLURP_HEAD',
      { reason: 'root' },
    ],
    ['no entries', answer([], headOf(records)), 'ERR_SLURP_HEAD', { reason: 'missing' }],
    [
      'a foreign head',
      answer(records, headOf(records, second)),
      'ERR_SLURP_HEAD',
      { reason: 'foreign' },
    ],
    [
      'a voter twice',
      answer(records, headWith(sigOf(founder, body), sigOf(founder, body))),
      'ERR_SLURP_HEAD',
      { reason: 'repeated' },
    ],
    ['no signatures', answer(records, headWith()), 'ERR_SLURP_HEAD', { reason: 'too-few' }],
    [
      'a bad signature',
      answer(records, headWith(sigOf(founder, records[0]?.bytes as Uint8Array))),
      'ERR_SLURP_HEAD',
      { reason: 'signature' },
    ],
    ['garbage', () => new Uint8Array(50), 'ERR_WIRE_MALFORMED', {}],
    [
      'an entry that is garbage',
      () => pullResponse.encode(headOf(records), [new Uint8Array(50)]),
      'ERR_WIRE_MALFORMED',
      {},
    ],
  ])('refuses %s, applies nothing of it, and recovers from an honest source', async (...row) => {
    const [, bad, code, details] = row;
    const follower = await Follower.open([bad]);
    const pulling = follower.replica.pull();
    await expect(follower.machine.run(pulling)).rejects.toMatchObject({ code, details });
    expect(follower.meshLog.appliedIndex).toBe(0);
    expect(follower.machine.counted).toEqual([`cooee_slurp_pull_failures_total ${code}`]);
    // The bad source stays the first that is asked.
    follower.sources.set('honest', honest(records));
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
    expect(follower.meshLog.term).toBeLessThan(10);
    expect(follower.conditions).toEqual([]);
  });

  it('forgets what a bad source began and never proved, and starts from what is certain', async () => {
    for (const junk of [logOf(4, 'junk'), logOf(9, 'junk')]) {
      // A head that is honest and far ahead, entries that are not of it, and then silence.
      const far = headOf(logOf(20));
      let calls = 0;
      const teaser: Source = (from) => {
        calls++;
        if (from > junk.length) throw new CooeeError('ERR_WIRE_TIMEOUT');
        return pullResponse.encode(
          far,
          junk.slice(from - 1).map(({ bytes }) => bytes),
        );
      };
      const follower = await Follower.open([teaser, honest(records)]);
      expect(await follower.pull()).toBe('ok');
      expect(calls).toBe(2);
      expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
    }
  });

  it('keeps what an honest source began when that breaks off', async () => {
    const breaking: Source = (from) => {
      if (from > 4) throw new CooeeError('ERR_WIRE_STREAM');
      return pullResponse.encode(
        headOf(records),
        records.slice(0, 4).map(({ bytes }) => bytes),
      );
    };
    const follower = await Follower.open([breaking]);
    expect(await follower.pull()).toBe('ERR_WIRE_STREAM');
    expect([follower.meshLog.tailIndex, follower.meshLog.appliedIndex]).toEqual([4, 0]);
    await follower.restart();
    const froms: number[] = [];
    follower.sources = new Map([
      [
        'other',
        (from) => {
          froms.push(from);
          return honest(records)(from);
        },
      ],
    ]);
    expect(await follower.pull()).toBe('ok');
    expect(froms).toEqual([5]);
    expect(follower.meshLog.appliedIndex).toBe(6);
  });

  it('takes no older head for news, and no source that lags for the last word', async () => {
    const follower = await Follower.open([honest(records)]);
    await follower.pull();
    follower.sources = new Map([['old', honest(logOf(3))]]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(6);
    expect(follower.replica.headIndex).toBe(6);
    follower.sources.set('fresh', honest(logOf(8)));
    expect(await follower.machine.run(codeOf(follower.replica.follow(8)))).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(8);
  });

  it('raises a condition for two heads at one index, and keeps both as the proof', async () => {
    const follower = await Follower.open([honest(records)]);
    await follower.pull();
    const other = logOf(6, 'other');
    follower.sources = new Map([['fork', honest(other)]]);
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(follower.conditions).toEqual(['forked-log']);
    expect(await follower.machine.store.get('head', 'fork-ours')).toEqual(headOf(records));
    expect(await follower.machine.store.get('head', 'fork-theirs')).toEqual(headOf(other));
    expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
    // A head that differs and is signed by nobody proves nothing.
    const quiet = await Follower.open([honest(records)]);
    await quiet.pull();
    quiet.sources = new Map([['liar', answer(other, headOf(other, second))]]);
    expect(await quiet.pull()).toBe('ERR_SLURP_HEAD');
    expect(quiet.conditions).toEqual([]);
  });

  it('does not follow a fork beyond what it holds', async () => {
    const follower = await Follower.open([honest(records)]);
    await follower.pull();
    const other = logOf(9, 'other');
    follower.sources = new Map([['fork', honest(other)]]);
    expect(await follower.pull()).toBe('ERR_SLURP_HEAD');
    expect(follower.meshLog.tailIndex).toBe(6);
    follower.sources = new Map([['honest', honest(logOf(9))]]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(9);
  });
});

describe('the anchor of a replica', () => {
  const records = logOf(8);

  it('must be met by the log, in whichever answer it lies', async () => {
    for (const countMax of [1, 3, 512]) {
      const good = await Follower.open([honest(records, countMax)], trustOf(records.slice(0, 5)));
      expect(await good.pull()).toBe('ok');
      expect(good.meshLog.appliedIndex).toBe(8);
      const trust = trustOf(logOf(5, 'other'));
      const bad = await Follower.open([honest(records, countMax)], trust);
      expect(await bad.pull()).toBe('ERR_SLURP_ANCHOR');
      expect(bad.meshLog.appliedIndex).toBe(0);
      expect(bad.meshLog.tailIndex).toBeLessThan(5);
    }
  });

  it('is not passed by with a head below it', async () => {
    const follower = await Follower.open([honest(logOf(3))], trustOf(records.slice(0, 5)));
    expect(await follower.pull()).toBe('ok');
    expect([follower.meshLog.tailIndex, follower.meshLog.appliedIndex]).toEqual([0, 0]);
  });

  it('is met although an earlier source began with junk', async () => {
    const junk = logOf(3, 'junk');
    const teaser: Source = (from) => {
      if (from > 3) throw new CooeeError('ERR_WIRE_TIMEOUT');
      return pullResponse.encode(
        headOf(records),
        junk.map(({ bytes }) => bytes),
      );
    };
    const sources = [teaser, honest(records)];
    const follower = await Follower.open(sources, trustOf(records.slice(0, 5)));
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(8);
  });
});

describe('a replica and its disk', () => {
  const records = logOf(6);

  it('goes on in the middle after a restart at any point', async () => {
    for (const log of ['lost', 'kept'] as const) {
      for (const storeBatches of [0, 1, 2]) {
        const follower = await Follower.open([honest(logOf(4), 2)]);
        await follower.pull();
        await follower.restart({ log, storeBatches });
        expect(follower.meshLog.tailIndex).toBe(4);
        follower.sources = new Map([['next', honest(records, 1)]]);
        expect(await follower.pull()).toBe('ok');
        expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
      }
    }
  });

  it('commits at the start what the head that it kept proves', async () => {
    const follower = await Follower.open([honest(records)]);
    await follower.pull();
    // The head was kept, the state that followed was not.
    await follower.restart({ storeBatches: 1 });
    expect(follower.replica.headIndex).toBe(6);
    expect(follower.meshLog.appliedIndex).toBe(6);
  });

  it('opens the log again after a full disk, and says so as long as it lasts', async () => {
    for (const point of ['log:write', 'log:synced']) {
      const follower = await Follower.open([honest(records)]);
      follower.machine.faults.fail(point, systemError('ENOSPC'));
      expect(await follower.pull()).toBe('ERR_STORAGE_DISK_FULL');
      expect(follower.conditions).toEqual(['log-failed']);
      expect(await follower.pull()).toMatch(/ERR_STORAGE_DISK_FULL|ok/);
      follower.machine.faults.mend();
      expect(await follower.pull()).toBe('ok');
      expect(follower.conditions).toEqual([]);
      expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
    }
  });

  it('opens the store again after a full disk', async () => {
    const follower = await Follower.open([honest(records)]);
    follower.machine.faults.fail('store:write', systemError('ENOSPC'));
    expect(await follower.pull()).toBe('ERR_STORAGE_DISK_FULL');
    expect(follower.machine.store.status).toBe('failed');
    follower.machine.faults.mend();
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(6);
  });

  it('ends the process after a failed sync, and pulls nothing more', async () => {
    const follower = await Follower.open([honest(records)]);
    follower.machine.faults.fail('log:sync', systemError('EIO'));
    expect(await follower.pull()).toBe('ERR_STORAGE_IO');
    follower.machine.faults.mend();
    expect(await follower.pull()).toBe('ERR_STORAGE_IO');
    expect(follower.asked).toHaveLength(1);
    expect(follower.fatal.map(({ code }) => code)).toEqual(['ERR_STORAGE_IO']);
  });

  it('is not ended by a source that speaks of its own broken disk', async () => {
    const liar: Source = () => {
      throw new CooeeError('ERR_STORAGE_IO', 'broken', { details: { fatal: true } });
    };
    const follower = await Follower.open([liar, honest(records)]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.fatal).toEqual([]);
  });

  it('keeps what a newer program wrote and applies no further', async () => {
    const future = batchOf(founder, { seq: 4 }, [{ kind: 'room.open', body: {} }]);
    const longer = [...logOf(3), ...recordsOf([future, batch(5)], 4)];
    const follower = await Follower.open([honest(longer)]);
    expect(await follower.pull()).toBe('ERR_SLURP_LEVEL');
    expect(follower.conditions).toEqual(['upgrade-needed']);
    expect([follower.meshLog.appliedIndex, follower.meshLog.tailIndex]).toEqual([3, 5]);
  });
});

describe('Replica.follow', () => {
  const records = logOf(6);

  it('waits for a source that lags behind whoever named the index', async () => {
    const follower = await Follower.open([honest(logOf(4))]);
    const following = codeOf(follower.replica.follow(6));
    await follower.machine.clock.advance(300);
    follower.sources = new Map([['source 0', honest(records)]]);
    expect(await follower.machine.run(following)).toBe('ok');
    expect(follower.meshLog.appliedIndex).toBe(6);
  });

  it('gives up on an index that nobody has, in time and without a storm', async () => {
    const follower = await Follower.open([honest(records)]);
    const before = follower.machine.clock.nowMs();
    const following = codeOf(follower.replica.follow(2 ** 50));
    expect(await follower.machine.run(following)).toBe('ERR_WIRE_TIMEOUT');
    const tookMs = follower.machine.clock.nowMs() - before;
    expect(tookMs).toBeGreaterThan(5_000);
    expect(tookMs).toBeLessThan(15_000);
    expect(follower.asked.length).toBeLessThan(20);
  });

  it('ends when its caller has heard enough', async () => {
    const follower = await Follower.open([() => new Promise(() => undefined)]);
    const given = new AbortController();
    const following = codeOf(follower.replica.follow(6, given.signal));
    await settle();
    given.abort(new CooeeError('ERR_API_TIMEOUT'));
    expect(await following).toBe('ERR_API_TIMEOUT');
  });

  it('says so when nobody is connected', async () => {
    const follower = await Follower.open([]);
    expect(await codeOf(follower.replica.follow(2))).toBe('ERR_SLURP_NO_LEADER');
  });
});

describe('a running replica', () => {
  it('asks every second, at once when nudged, and misses no nudge that comes during a pull', async () => {
    let records = logOf(3);
    let release: (() => void) | undefined;
    let isHeld = false;
    const source: Source = async (from) => {
      const seen = records;
      if (isHeld) await new Promise<void>((resolve) => (release = resolve));
      return honest(seen)(from);
    };
    const follower = await Follower.open([source]);
    const { clock } = follower.machine;
    follower.replica.start();
    await clock.advance(10);
    expect(follower.meshLog.appliedIndex).toBe(3);
    records = logOf(4);
    await clock.advance(1_000);
    expect(follower.meshLog.appliedIndex).toBe(4);
    records = logOf(5);
    follower.replica.nudge();
    await clock.advance(1);
    expect(follower.meshLog.appliedIndex).toBe(5);
    isHeld = true;
    follower.replica.nudge();
    await clock.advance(1);
    // The pull under way has read the old log already.
    records = logOf(6);
    follower.replica.nudge();
    isHeld = false;
    release?.();
    await clock.advance(1);
    expect(follower.meshLog.appliedIndex).toBe(6);
    await follower.replica.stop();
  });

  it('stops at once while a source is silent', async () => {
    const follower = await Follower.open([]);
    // As a stream does: the request ends when its signal says so.
    follower.sources.set('silent', (_from, signal) => {
      return new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    });
    follower.replica.start();
    await settle();
    expect(follower.asked).toEqual(['silent']);
    await follower.replica.stop();
  });

  it('stops at once while the store fails', async () => {
    const follower = await Follower.open([honest(logOf(3))]);
    const { clock, faults } = follower.machine;
    follower.replica.start();
    await clock.advance(10);
    expect(follower.meshLog.appliedIndex).toBe(3);
    // From here on the state cannot be stored; the head, written just before it, can.
    let writes = 0;
    const hit = faults.hit.bind(faults);
    faults.hit = (point) => {
      if (point === 'store:write' && ++writes > 1) throw systemError('ENOSPC');
      hit(point);
    };
    follower.sources = new Map([['longer', honest(logOf(5))]]);
    await clock.advance(1_500);
    expect(follower.replica.headIndex).toBe(5);
    expect(follower.conditions).toEqual(['store-failed']);
    await follower.replica.stop();
    await follower.meshLog.close();
    expect(follower.meshLog.appliedIndex).toBe(3);
  });
});

it('an origin that joins is followed like any other', async () => {
  const records = [
    GENESIS,
    ...recordsOf([batchOf(founder, { seq: 2 }, [issue(20), add(second, 20)])]),
  ];
  const follower = await Follower.open([honest(records)]);
  expect(await follower.pull()).toBe('ok');
  expect(follower.meshLog.state.get('member', second.peer)).toMatchObject({ addedIndex: 2 });
  const head = decodeHead(follower.replica.head() as Uint8Array).head;
  expect(encodeHead(founder, head)).toEqual(headOf(records));
});
