import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../../daemon/system/crypto.ts';
import {
  type AnnouncedAgent,
  announcementHash,
  decodeMessage,
  encodeAnnouncement,
} from '../../../../protocols/capability/index.ts';
import { AnnouncementTable } from '../../../../protocols/capability/table/announcement-table.ts';
import type { GossipMessage } from '../../../../protocols/interface/index.ts';

const LEASE = 90_000;
const DAY = 86_400_000;
const START = 10 * DAY;

const agent = (token: string, capabilities = ['rust']): AnnouncedAgent => ({
  ...{ token, model: 'm', capabilities, status: 'idle', load: 0, maxTasks: 1, tasks: 0 },
});
const big = (token: string) => agent(token, Array(64).fill('x'.repeat(64)));

/** A node that speaks, and a table that listens, with one clock for both. */
class Scene {
  readonly table = new AnnouncementTable(nodeCrypto.sha256, { leaseMs: LEASE });
  ms = 0;

  message(body: Uint8Array, boot: number, timeMs: number): GossipMessage {
    const original = new Uint8Array(body);
    return { topic: 'capability', origin: 'node', boot, seq: 1, timeMs, body, original };
  }

  at(via: 'gossip' | 'table') {
    return { nowMs: START + this.ms, monotonicMs: this.ms, via };
  }

  announce(
    agents: readonly AnnouncedAgent[],
    { seq = 1, boot = 1, via = 'gossip' as 'gossip' | 'table', ageMs = 0, parts = [0] } = {},
  ): string[] {
    const bodies = encodeAnnouncement(seq, agents);
    return parts.map((part) => {
      const body = bodies[part]!;
      const value = decodeMessage(body);
      if (value.kind !== 'announcement') throw new Error();
      const message = this.message(body, boot, START + this.ms - ageMs);
      return this.table.announce(message, value, this.at(via)).kind;
    });
  }

  beat(
    agents: readonly AnnouncedAgent[],
    { seq = 1, boot = 1, via = 'gossip' as 'gossip' | 'table', ageMs = 0 } = {},
  ): string {
    const hash = announcementHash(nodeCrypto.sha256, encodeAnnouncement(seq, agents));
    const value = { v: 1 as const, kind: 'beat' as const, seq, hash };
    const message = this.message(hash, boot, START + this.ms - ageMs);
    return this.table.beat(message, value, this.at(via)).kind;
  }

  get isLive(): boolean {
    return this.table.isLive('node', this.ms);
  }

  get tokens(): string[] {
    return [...(this.table.get('node')?.agents.keys() ?? [])];
  }
}

const [A, B] = [[agent('4001Y')], [agent('458RV')]];

describe('AnnouncementTable', () => {
  it('holds a lease from each sign of life, to the millisecond', () => {
    const scene = new Scene();
    expect(scene.announce(A)).toEqual(['replaced']);
    scene.ms = 30_000;
    expect(scene.beat(A)).toBe('renewed');
    scene.ms += LEASE - 1;
    expect(scene.isLive).toBe(true);
    scene.ms += 1;
    expect(scene.isLive).toBe(false);
    expect(scene.tokens).toEqual(['4001Y']);
    expect(scene.beat(A)).toBe('renewed');
    expect(scene.isLive).toBe(true);
  });

  it('lets a lease run on for a node that has just come back, and shortens none', () => {
    const scene = new Scene();
    scene.announce(A);
    scene.ms = LEASE - 100;
    scene.table.extend('node', scene.ms + 2_500);
    scene.table.extend('node', scene.ms + 1_000);
    scene.table.extend('nobody', scene.ms + 2_500);
    scene.ms += 2_499;
    expect(scene.isLive).toBe(true);
    scene.ms += 1;
    expect(scene.isLive).toBe(false);
  });

  it('orders announcements by start, then number, and lets none go back', () => {
    const scene = new Scene();
    scene.announce(A, { boot: 2, seq: 5 });
    for (const older of [
      { boot: 2, seq: 4 },
      { boot: 1, seq: 9 },
    ]) {
      expect(scene.announce(B, older)).toEqual(['old']);
      expect(scene.beat(B, older)).toBe('old');
    }
    expect(scene.announce(B, { boot: 3, seq: 1 })).toEqual(['replaced']);
    expect(scene.tokens).toEqual(['458RV']);
  });

  it('asks for what a beat names and is not here, and takes no beat with another hash', () => {
    const scene = new Scene();
    expect(scene.beat(A)).toBe('incomplete');
    scene.announce(A);
    expect(scene.beat(A, { seq: 2 })).toBe('incomplete');
    scene.ms = LEASE;
    expect(scene.beat(B)).toBe('old');
    expect(scene.isLive).toBe(false);
  });

  it('puts parts together in any order, and shows nothing before the last', () => {
    const scene = new Scene();
    const agents = ['4001Y', '458RV', '7ZZSF'].flatMap((token) => Array(20).fill(big(token)));
    expect(encodeAnnouncement(1, agents).length).toBeGreaterThan(2);
    const last = encodeAnnouncement(1, agents).length - 1;
    const parts = Array.from({ length: last }, (_, at) => at + 1).reverse();
    expect(scene.announce(agents, { parts })).toEqual(parts.map(() => 'incomplete'));
    expect(scene.tokens).toEqual([]);
    expect(scene.announce(agents, { parts: [0] })).toEqual(['replaced']);
    expect(scene.tokens).toEqual(['4001Y', '458RV', '7ZZSF']);
    expect(scene.table.get('node')?.originals).toHaveLength(last + 1);
    expect(scene.beat(agents)).toBe('old');
  });

  it('gives up the parts of an announcement that a newer one replaced', () => {
    const scene = new Scene();
    const agents = Array.from({ length: 40 }, () => big('4001Y'));
    scene.announce(agents, { parts: [0] });
    expect(scene.announce(B, { seq: 2 })).toEqual(['replaced']);
    expect(scene.announce(agents, { parts: [1] })).toEqual(['old']);
  });

  it('gives what comes from a table only what is left of the lease', () => {
    const scene = new Scene();
    expect(scene.announce(A, { via: 'table', ageMs: 200_000 })).toEqual(['replaced']);
    expect(scene.isLive).toBe(false);
    expect(scene.tokens).toEqual(['4001Y']);
    expect(scene.beat(A, { via: 'table', ageMs: LEASE })).toBe('renewed');
    expect(scene.isLive).toBe(false);
    expect(scene.beat(A, { via: 'table', ageMs: LEASE - 10 })).toBe('renewed');
    expect(scene.isLive).toBe(true);
    scene.ms = 10;
    expect(scene.isLive).toBe(false);
    expect(scene.beat(A, { via: 'table', ageMs: -6 * 60_000 })).toBe('old');
    expect(scene.beat(B, { via: 'table' })).toBe('old');
  });

  it('never shortens a lease by an older message', () => {
    const scene = new Scene();
    scene.announce(A);
    scene.ms = 1_000;
    expect(scene.beat(A, { via: 'table', ageMs: 80_000 })).toBe('old');
    scene.ms = LEASE - 1;
    expect(scene.isLive).toBe(true);
  });

  it('forgets after seven days without a sign of life, its own list never', () => {
    const scene = new Scene();
    scene.announce(A);
    scene.table.putOwn({ peer: 'self', boot: 1, seq: 1, agents: B }, START);
    const dropped = (afterMs: number) =>
      scene.table.dropOld({ nowMs: START + afterMs, monotonicMs: afterMs });
    expect(dropped(7 * DAY)).toEqual([]);
    expect(dropped(7 * DAY + 1).map(({ peer }) => peer)).toEqual(['node']);
    expect(scene.tokens).toEqual([]);
    expect(scene.table.isLive('self', Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  it('forgets nobody who is there because the wall clock was set', () => {
    const scene = new Scene();
    scene.announce(A);
    const yearMs = 365 * DAY;
    expect(scene.table.dropOld({ nowMs: START + yearMs, monotonicMs: LEASE - 1 })).toEqual([]);
    expect(scene.table.dropOld({ nowMs: START + yearMs, monotonicMs: LEASE })).toHaveLength(1);
  });

  it('has seen a node when it did by the clock as it is now, also when that was set back', () => {
    const scene = new Scene();
    scene.ms = DAY;
    scene.announce(A);
    expect(scene.table.get('node')?.seenMs).toBe(START + DAY);
    const message = scene.message(new Uint8Array(1), 1, START);
    const hash = announcementHash(nodeCrypto.sha256, encodeAnnouncement(1, A));
    const at = { nowMs: START, monotonicMs: DAY + 1_000, via: 'gossip' as const };
    scene.table.beat(message, { v: 1, kind: 'beat', seq: 1, hash }, at);
    expect(scene.table.get('node')?.seenMs).toBe(START);
  });

  it('keeps no more agents of a node than it may have', () => {
    const scene = new Scene();
    const agents = Array.from({ length: 1_500 }, (_, n) => agent(`4${String(n).padStart(4, '0')}`));
    const bodies = encodeAnnouncement(1, agents);
    scene.announce(agents, { parts: bodies.map((_, at) => at) });
    expect(scene.tokens).toHaveLength(1_024);
  });
});
