import { describe, expect, it } from 'vitest';
import {
  CooeeError,
  type LogRecord,
  type RequestHandler,
  type Responder,
} from '../../../../protocols/interface/index.ts';
import { decodeHead, serveReplica } from '../../../../protocols/slurp/index.ts';
import { pullRequest, pullResponse } from '../../../../protocols/slurp/protocol.ts';
import { encodeCanonical, signingInput } from '../../../../protocols/wire/index.ts';
import { encodeHead } from '../heads/sign-head.ts';
import {
  add,
  batchOf,
  codeOf,
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
} from '../mesh-world.ts';
import { expectNoUnhandled } from '../unhandled.ts';
import {
  answer,
  batch,
  bookWith,
  Follower,
  honest,
  logOf,
  type Source,
  trustOf,
} from './follower.ts';

expectNoUnhandled();

/** Sources whose head the voter signed, for another log than the honest source's. */
const TWICE_SIGNED = new Set([
  'a forged batch',
  'a genuine batch of another mesh',
  'entries out of order',
  'an entry of a term to come',
]);

describe('Replica.pull', () => {
  it('catches up in several pulls and comes to the state of its source', async () => {
    const source = await Machine.open();
    await source.take(Array.from({ length: 1_200 }, (_, i) => batch(2 + i)));
    const handlers = new Map<string, RequestHandler>();
    const responder: Responder = {
      handle: async (protocol, handler) => void handlers.set(protocol, handler),
      unhandle: async () => undefined,
    };
    const bytes = headOf(await source.records());
    const trust = bookWith(() => bytes);
    await serveReplica({ meshLog: source.meshLog, responder, trust });
    const serve = handlers.get(`/cooee/${MESH}/replica/1`) as RequestHandler;
    const ask: Source = (from) =>
      serve('me', pullRequest.encode(from), new AbortController().signal);
    const follower = await Follower.open([ask]);
    expect(await follower.pull()).toBe('ok');
    expect(follower.asked).toHaveLength(3);
    expect(dump(follower.meshLog.state)).toEqual(dump(source.meshLog.state));
    expect(follower.replica.headIndex).toBe(1_201);
    expect(follower.book.highest()?.bytes).toEqual(bytes);
    await follower.restart({ storeBatches: 1_000 });
    expect(follower.replica.headIndex).toBe(1_201);
    expect(follower.meshLog.appliedIndex).toBe(1_201);
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
    const [name, bad, code, details] = row;
    const follower = await Follower.open([bad]);
    const pulling = follower.replica.pull();
    await expect(follower.machine.run(pulling)).rejects.toMatchObject({ code, details });
    expect(follower.meshLog.appliedIndex).toBe(0);
    expect(follower.machine.counted).toContain(`cooee_slurp_pull_failures_total ${code}`);
    // The bad source stays the first that is asked.
    follower.sources.set('honest', honest(records));
    expect(await follower.pull()).toBe('ok');
    expect(follower.meshLog.appliedRoot()).toEqual(rootOf(records));
    expect(follower.meshLog.term).toBeLessThan(10);
    // Whoever signs for a log with a forgery in it, and for the true one, is found out by that.
    expect(follower.conditions).toEqual(TWICE_SIGNED.has(name) ? ['forked-log'] : []);
  });

  it('forgets what a bad source began and never proved', async () => {
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

it('an origin that joins is followed like any other', async () => {
  const records = [
    GENESIS,
    ...recordsOf([batchOf(founder, { seq: 2 }, [issue(20), add(second, 20)])]),
  ];
  const follower = await Follower.open([honest(records)]);
  expect(await follower.pull()).toBe('ok');
  expect(follower.meshLog.state.get('member', second.peer)).toMatchObject({ addedIndex: 2 });
  const head = decodeHead(follower.book.highest()?.bytes as Uint8Array).head;
  expect(encodeHead(founder, head)).toEqual(headOf(records));
});
