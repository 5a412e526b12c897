import { describe, expect, it } from 'vitest';
import type { LogRecord } from '../../../../../protocols/interface/index.ts';
import type { RaftMessage } from '../../../../../protocols/raft/index.ts';
import { decodeLinkMessage } from '../../../../../protocols/slurp/driver/raft-codec.ts';
import { RaftSender } from '../../../../../protocols/slurp/driver/sending/raft-sender.ts';
import type { MeshLog } from '../../../../../protocols/slurp/index.ts';
import { ManualClock, signerOf } from '../../mesh-world.ts';

// Goal: who waits for one commit hears of it at once, a row of commits costs one message each, and
// nobody waits longer than 4 ms.

const [leader, peer, other] = [1, 2, 3].map((number) => signerOf(number).peer) as [
  string,
  string,
  string,
];
type Append = Extract<RaftMessage, { type: 'append' }>;

const append = (to: string, commit: number, count = 0): Append => ({
  ...{ type: 'append', from: leader, to, term: 7 },
  ...{ prevIndex: commit, prevTerm: 7, count, commit },
});

/** A sender, and what it put on the link: `<peer> <commit>` and `+n` entries, when. */
function world() {
  const clock = new ManualClock();
  const startMs = clock.monotonicMs();
  const sent: string[] = [];
  const undelivered: string[] = [];
  const record = (index: number): LogRecord => ({ index, term: 7, bytes: new Uint8Array([1]) });
  let readDisk: (() => void) | undefined;
  const meshLog = {
    readRecent: (from: number, count: number) =>
      from >= 1_000 ? undefined : Array.from({ length: count }, (_, i) => record(from + i)),
    read: async (from: number, count: number) => {
      await new Promise<void>((resolve) => {
        readDisk = resolve;
      });
      return Array.from({ length: count }, (_, i) => record(from + i));
    },
  } as unknown as MeshLog;
  const link = {
    send: (to: string, bytes: Uint8Array) => {
      const received = decodeLinkMessage(bytes, { from: leader, to });
      if (received.kind !== 'raft') throw new Error('not of Raft');
      const { message, entries } = received;
      const name = { [peer]: 'peer', [other]: 'other' }[to];
      const what = message.type === 'append' ? `${message.commit}` : message.type;
      const more = entries.length > 0 ? `+${entries.length}` : '';
      sent.push(`${name} ${what}${more} @${clock.monotonicMs() - startMs}`);
      return true;
    },
  };
  const onUndelivered = (to: string) => undelivered.push(to);
  const sender = new RaftSender({ meshLog, link, clock, onUndelivered });
  /** A commit of its own: its entry goes out, and what that came to after a millisecond. */
  const commit = async (index: number) => {
    sender.send(append(peer, index - 1, 1));
    sender.send(append(other, index - 1, 1));
    await clock.advance(1);
    sender.send(append(peer, index));
    sender.send(append(other, index));
  };
  const timers = () => clock.timerCount;
  return { clock, sent, undelivered, sender, commit, timers, readDisk: () => readDisk?.() };
}

describe('RaftSender', () => {
  it('tells of a single commit at once, and of the next after a pause too', async () => {
    const { clock, sent, commit } = world();
    await commit(5);
    await clock.advance(9);
    await commit(6);
    expect(sent).toEqual([
      ...['peer 4+1 @0', 'other 4+1 @0', 'peer 5 @1', 'other 5 @1'],
      ...['peer 5+1 @10', 'other 5+1 @10', 'peer 6 @11', 'other 6 @11'],
    ]);
  });

  it('lets the news of a row of commits go along with the next append', async () => {
    const { clock, sent, commit, timers } = world();
    for (const index of [5, 6, 7, 8]) await commit(index);
    await clock.advance(20);
    expect(sent).toEqual([
      ...['peer 4+1 @0', 'other 4+1 @0', 'peer 5 @1', 'other 5 @1'],
      ...['peer 5+1 @1', 'other 5+1 @1', 'peer 6+1 @2', 'other 6+1 @2'],
      ...['peer 7+1 @3', 'other 7+1 @3', 'peer 8 @8', 'other 8 @8'],
    ]);
    expect(timers()).toBe(0);
    // The row has ended: what comes is a single one again.
    await commit(9);
    expect(sent.slice(-2)).toEqual(['peer 9 @25', 'other 9 @25']);
  });

  it('holds the newest news, and none longer than 4 ms from the first', async () => {
    const { clock, sent, commit, sender } = world();
    await commit(5);
    await commit(6);
    for (const index of [7, 8, 9]) {
      await clock.advance(1);
      sender.send(append(peer, index));
    }
    sent.length = 0;
    await clock.advance(10);
    expect(sent).toEqual(['peer 9 @6', 'other 6 @6']);
  });

  it('holds it no longer for one peer because another has appends', async () => {
    const { clock, sent, commit, sender } = world();
    await commit(5);
    await commit(6);
    sent.length = 0;
    for (let index = 7; index < 15; index++) {
      await clock.advance(1);
      sender.send(append(peer, index - 1, 1));
      sender.send(append(peer, index));
    }
    expect(sent.filter((it) => it.startsWith('other'))).toEqual(['other 6 @6']);
    expect(sent.filter((it) => it.startsWith('peer') && !it.includes('+'))).toEqual([]);
  });

  it('tells a peer that waits what is held for it, and the others in their time', async () => {
    const { clock, sent, commit, sender } = world();
    sender.tell(peer);
    await commit(5);
    await commit(6);
    sent.length = 0;
    sender.tell(other);
    sender.tell(other);
    expect(sent).toEqual(['other 6 @2']);
    await clock.advance(10);
    expect(sent).toEqual(['other 6 @2', 'peer 6 @6']);
  });

  it('holds nothing but appends without entries', async () => {
    const { sent, commit, sender } = world();
    await commit(5);
    await commit(6);
    sent.length = 0;
    const ends = { from: leader, to: peer, term: 7 };
    sender.send({ ...ends, type: 'heartbeat', commit: 6, read: 0 });
    sender.send({ ...ends, type: 'timeout-now' });
    expect(sent).toEqual(['peer heartbeat @2', 'peer timeout-now @2']);
  });

  it('says nothing more, and keeps no timer, once it is cleared', async () => {
    const { clock, sent, commit, sender, timers, undelivered, readDisk } = world();
    await commit(5);
    await commit(6);
    sender.send(append(peer, 1_500, 1));
    await clock.advance(0);
    sent.length = 0;
    expect(timers()).toBe(1);
    sender.clear();
    expect(timers()).toBe(0);
    readDisk();
    sender.tell(peer);
    await clock.advance(20);
    expect([sent, undelivered]).toEqual([[], []]);
    // A core that begins anew is heard.
    await commit(9);
    expect(sent).toHaveLength(4);
  });
});
