// Goal: each check says what it found in one line, with a remedy exactly when there is something to
// do. Method: facts in, state and telling words out, a table for each check.
import { describe, expect, it } from 'vitest';
import { judgeClock } from '../../../../../daemon/services/doctor/clock.ts';
import {
  judgeDaemon,
  judgeSilence,
  judgeSocket,
} from '../../../../../daemon/services/doctor/daemon.ts';
import { type DhtFacts, judgeDht } from '../../../../../daemon/services/doctor/dht.ts';
import { judgeDisk } from '../../../../../daemon/services/doctor/disk.ts';
import { type HomeFacts, judgeHome } from '../../../../../daemon/services/doctor/home.ts';
import {
  judgeLeader,
  judgeQuorum,
  type LeaderFacts,
} from '../../../../../daemon/services/doctor/leader.ts';
import { counted, type DoctorLine, lasting } from '../../../../../daemon/services/doctor/line.ts';
import { judgeListen, type ListenFacts } from '../../../../../daemon/services/doctor/listen.ts';
import { judgeMdns } from '../../../../../daemon/services/doctor/mdns.ts';
import { judgeMember, type MemberFacts } from '../../../../../daemon/services/doctor/member.ts';
import { judgeOutbox } from '../../../../../daemon/services/doctor/outbox.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** State and words: a remedy is there exactly when the line is not ok. */
function expectLine(line: DoctorLine, state: DoctorLine['state'], words: string): void {
  expect([line.state, line.cause, line.remedy === '']).toEqual([
    state,
    expect.stringContaining(words),
    state === 'ok',
  ]);
}

it('counts and lengths of time are written for people', () => {
  expect([counted(1, 'member'), counted(0, 'member'), counted(2, 'address', 'addresses')]).toEqual([
    ...['1 member', '0 members', '2 addresses'],
  ]);
  expect([0.4, 12.4, 2_600, 300_000, 9_000_000].map(lasting)).toEqual([
    ...['under 1 ms', '12 ms', '3 s', '5 min', '3 h'],
  ]);
});

describe('daemon and sockets', () => {
  it.each([
    ['member', 'ok', 'runs as process 7'],
    ['joining', 'warn', 'not a member yet'],
    ['changing', 'warn', 'changing'],
  ] as const)('%s: %s', (phase, state, words) => {
    expectLine(judgeDaemon({ version: '1.2.3', pid: 7, phase }), state, words);
  });

  it.each([
    [0o600, 0o600, 'ok', 'mode 0600'],
    [0o640, 0o660, 'ok', 'mode 0640'],
    [0o666, 0o600, 'warn', 'mode 0666'],
    [undefined, 0o600, 'fail', 'is gone'],
  ] as const)('a socket with mode %o of at most %o: %s', (mode, modeMax, state, words) => {
    expectLine(judgeSocket({ name: 'socket', path: '/h/s', mode, modeMax }), state, words);
  });

  it.each([
    [undefined, false, 'not running on /h'],
    [undefined, true, 'it was killed'],
    [42, true, 'process 42 holds /h'],
  ] as const)('nobody answers, holder %s, socket left %s', (holder, isSocketLeft, words) => {
    const line = judgeSilence({ home: '/h', socket: '/h/s', holder, isSocketLeft });
    expectLine(line, 'fail', words);
    expect(line.remedy).toContain(holder === undefined ? 'cooee up' : 'kill 42');
  });
});

describe('home and disk', () => {
  const home: HomeFacts = {
    ...{ path: '/h', kind: 'folder', mode: 0o700, isOurs: true },
    ...{ open: [], recoveryKey: undefined },
  };
  it.each([
    [{}, ['ok']],
    [{ mode: 0o755 }, ['warn']],
    [{ kind: undefined }, ['warn']],
    [{ kind: 'link' }, ['fail']],
    [{ isOurs: false }, ['fail']],
    [{ open: ['/h/node.key'] }, ['ok', 'fail']],
    [{ recoveryKey: '/h/RECOVERY-KEY' }, ['ok', 'warn']],
  ] as [Partial<HomeFacts>, string[]][])('a home with %j: %j', (change, states) => {
    const lines = judgeHome({ ...home, ...change });
    expect(lines.map(({ state }) => state)).toEqual(states);
    for (const { state, remedy } of lines) expect(remedy === '').toBe(state === 'ok');
  });

  it.each([
    [20 * GIB, 3, 'ok', '20 GiB free, a synced write takes 3 ms'],
    [20 * GIB, 101, 'warn', '101 ms'],
    [511 * MIB, 3, 'warn', '511 MiB free'],
    [63 * MIB, 3, 'fail', '63 MiB free'],
  ] as const)('%d bytes free, a sync in %d ms: %s', (freeBytes, syncMs, state, words) => {
    expectLine(judgeDisk({ freeBytes, syncMs }), state, words);
  });

  it('a disk that takes no file fails, however much is free', () => {
    const line = judgeDisk({ freeBytes: 20 * GIB, syncMs: undefined, problem: 'EROFS' });
    expectLine(line, 'fail', 'EROFS');
    expect(line.remedy).toMatch(/mounted for writing/u);
    expect(judgeDisk({ freeBytes: 0, syncMs: undefined, problem: 'ENOSPC' }).remedy).toMatch(
      /Make room/u,
    );
  });
});

it.each([
  [undefined, 'ok', 'no other clock'],
  [1_999, 'ok', '2 s ahead of'],
  [-2_100, 'warn', '2 s behind'],
  [300_001, 'fail', 'gossip of this node stops'],
] as const)('a clock that is %s ms off: %s', (skewMs, state, words) => {
  expectLine(judgeClock({ skewMs }), state, words);
});

describe('listen and mdns', () => {
  const listen: ListenFacts = {
    ...{ addresses: [{ address: '/ip4/10.0.0.1/tcp/1' }], inboundFrom: [] },
    ...{ dialledBack: undefined, relays: 0 },
  };
  const dead = { address: '/ip4/10.0.0.2/tcp/1', error: 'ECONNREFUSED' };
  it.each([
    [{}, 'ok', '1 address answered'],
    [{ dialledBack: { by: 'beta', outcome: 'reached' } }, 'ok', 'beta dialled it back'],
    [{ inboundFrom: ['beta'] }, 'ok', 'beta dialled in'],
    [{ dialledBack: { by: 'beta', outcome: 'unreachable' } }, 'warn', 'beta cannot dial it back'],
    [{ addresses: [dead] }, 'fail', 'ECONNREFUSED'],
    [{ addresses: [...listen.addresses, dead] }, 'warn', 'not every address answers'],
    [{ addresses: [dead], inboundFrom: ['beta'] }, 'warn', 'beta dialled in'],
    [{ addresses: [] }, 'warn', 'only dials out'],
    [{ addresses: [], relays: 2 }, 'ok', 'reachable through 2 relays'],
  ] as [Partial<ListenFacts>, 'ok', string][])('%j: %s', (change, state, words) => {
    expectLine(judgeListen({ ...listen, ...change }), state, words);
  });

  it.each([
    [{ isOn: false }, 'ok', 'switched off'],
    [{ heardItselfMsAgo: 4_000, found: 1 }, 'ok', 'it heard itself 4 s ago; 1 other heard'],
    [{ runsMs: 5_000 }, 'ok', 'listening for 5 s'],
    [{}, 'warn', 'does not come back'],
    [{ heardItselfMsAgo: 31_000 }, 'warn', 'does not come back'],
  ] as const)('mdns %j: %s', (change, state, words) => {
    const facts = { isOn: true, heardItselfMsAgo: null, runsMs: 60_000, found: 0 };
    expectLine(judgeMdns({ ...facts, ...change }), state, words);
  });
});

describe('members', () => {
  const member: MemberFacts = {
    ...{ peer: '12D3', name: 'beta', isConnected: true, isNew: false, state: 'alive' },
    ...{ attempts: 0, address: '/ip4/10.0.0.1/tcp/1', rttMs: 2, missing: [] },
    ...{ levels: [1, 3], meshLevel: 2, topics: 5, topicsAll: 5, isRelayed: false },
  };
  const away = { isConnected: false, state: 'unreachable', attempts: 3, dialError: 'refused' };
  it.each([
    [{}, 'ok', 'connected, 2 ms, level 3'],
    [{ isRelayed: true }, 'ok', 'through a relay'],
    [{ isNew: true }, 'ok', 'since just now'],
    [{ rttMs: undefined, pingError: 'silence' }, 'warn', 'does not answer as a member: silence'],
    [{ levels: [1, 1] }, 'warn', 'level 1 to 1, the mesh is at 2'],
    [{ missing: ['/cooee/x/1'] }, 'warn', '/cooee/x/1'],
    [{ topics: 3 }, 'warn', '3 of 5 topics'],
    [{ ...away, nextInMs: 4_000 }, 'warn', 'after 3 tries: refused; next try in 4 s'],
    [{ ...away, attempts: 1 }, 'warn', 'after 1 try'],
    [{ ...away, state: 'left' }, 'ok', 'said goodbye'],
  ] as [Partial<MemberFacts>, 'ok', string][])('%j: %s', (change, state, words) => {
    expectLine(judgeMember({ ...member, ...change }), state, words);
  });
});

describe('leader, quorum, outbox, dht', () => {
  const up = (count: number, all: number) =>
    Array.from({ length: all }, (_, at) => ({ name: `v${at}`, isUp: at < count }));
  const rivals = { epoch: 2, here: '1a', elsewhere: '2b' };
  const led: LeaderFacts = {
    ...{ isLeader: false, leader: 'alpha', isLeaderConnected: true, term: 4 },
    voters: up(3, 3),
    rivals: undefined,
  };
  it.each([
    [{ isLeader: true }, 'ok', 'this node leads, term 4'],
    [{}, 'ok', 'alpha leads'],
    [{ isLeaderConnected: false }, 'fail', 'cannot be reached'],
    [{ leader: undefined, isLeaderConnected: false }, 'fail', 'there is none'],
    [{ rivals }, 'fail', 'nobody leads: the mesh was recovered twice'],
  ] as [Partial<LeaderFacts>, 'ok', string][])('leader %j: %s', (change, state, words) => {
    expectLine(judgeLeader({ ...led, ...change }), state, words);
  });

  it.each([
    [3, 3, 'ok', '3 of 3 voters are up'],
    [1, 1, 'ok', '1 of 1 voters is up'],
    [2, 3, 'warn', 'none more may go; away: v2'],
    [4, 5, 'warn', '1 more may go; away: v4'],
    [1, 3, 'fail', '2 are needed; away: v1, v2'],
    [0, 0, 'warn', 'not known yet'],
  ] as const)('%d of %d voters: %s', (count, all, state, words) => {
    expectLine(judgeQuorum({ ...led, voters: up(count, all) }), state, words);
  });

  it('a mesh that was recovered twice has neither, whoever is up', () => {
    const halted = { ...led, isLeader: true, rivals };
    expectLine(judgeQuorum(halted), 'fail', 'until a recovery of epoch 2 is chosen');
    for (const { remedy } of [judgeLeader(halted), judgeQuorum(halted)]) {
      expect(remedy).toContain('cooee recover --choose ID');
    }
  });

  it.each([
    [{ waiting: 0, oldestMs: undefined, isLed: false }, 'ok', 'nothing waits'],
    [{ waiting: 2, oldestMs: 900, isLed: true }, 'ok', '2 items wait for a moment'],
    [{ waiting: 1, oldestMs: 20_000, isLed: true }, 'warn', '1 item waits, the oldest for 20 s'],
    [{ waiting: 1, oldestMs: 20_000, isLed: false }, 'warn', 'there is no leader'],
  ] as const)('%j: %s', (facts, state, words) => {
    expectLine(judgeOutbox(facts), state, words);
  });

  const probe = { copies: 2, isFound: true, tookMs: 12 };
  it.each([
    [{ members: 2, probe }, 'ok', 'put on 2 members and found in 12 ms'],
    [{ members: 2, probe: undefined }, 'ok', 'nothing to put'],
    [{ members: 0, probe: { ...probe, copies: 0 } }, 'ok', 'nobody else'],
    [{ members: 2, probe: { ...probe, copies: 0 } }, 'warn', 'no member took a copy'],
    [{ members: 2, probe: { ...probe, isFound: false } }, 'warn', 'not found'],
    [{ members: 2, probe: undefined, problem: 'no answer' }, 'warn', 'no answer'],
  ] as [DhtFacts, 'ok', string][])('%j: %s', (facts, state, words) => {
    expectLine(judgeDht(facts), state, words);
  });
});
