import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../daemon/system/crypto.ts';
import { PART_BYTES_MAX, parsePatch } from '../../../protocols/capability/codec.ts';
import {
  type AnnouncedAgent,
  announcementHash,
  decodeMessage,
  encodeAnnouncement,
  encodeBeat,
} from '../../../protocols/capability/index.ts';
import { LIMITS } from '../../../protocols/interface/index.ts';
import { encodeCanonical } from '../../../protocols/wire/index.ts';

const { sha256 } = nodeCrypto;
const agent = (more: Partial<AnnouncedAgent> = {}): AnnouncedAgent => ({
  token: '458RV',
  model: 'llama3-70b',
  capabilities: ['code review', 'rust'],
  status: 'idle',
  load: 0,
  maxTasks: 1,
  tasks: 0,
  ...more,
});
const largest = agent({
  model: 'm'.repeat(255),
  capabilities: Array.from({ length: 64 }, () => 'c'.repeat(64)),
});

describe('an announcement', () => {
  it('of 254 agents with a few capabilities is one message', () => {
    const agents = Array.from({ length: 254 }, () => agent());
    const bodies = encodeAnnouncement(7, agents);
    expect(bodies).toHaveLength(1);
    expect(decodeMessage(bodies[0]!)).toMatchObject({ seq: 7, part: 0, parts: 1, agents });
  });

  it('of 256 agents at their limits goes out in parts that fit, and none is lost', () => {
    const agents = Array.from({ length: 256 }, () => largest);
    const bodies = encodeAnnouncement(1, agents);
    expect(bodies.length).toBeGreaterThan(1);
    expect(bodies.length).toBeLessThanOrEqual(LIMITS.announcementPartsMax);
    const parts = bodies.map((body) => {
      expect(body.length).toBeLessThanOrEqual(PART_BYTES_MAX);
      const part = decodeMessage(body);
      return part.kind === 'announcement' ? part : undefined;
    });
    expect(parts.map((part) => part?.part)).toEqual(bodies.map((_, at) => at));
    expect(parts.flatMap((part) => part?.agents)).toHaveLength(256);
  });

  it('of no agents is one empty part', () => {
    expect(decodeMessage(encodeAnnouncement(1, [])[0]!)).toMatchObject({ parts: 1, agents: [] });
  });

  it('keeps every agent, in order, in parts below the limit', () => {
    const agents = fc.array(
      fc.record({ chars: fc.integer({ min: 1, max: 64 }), count: fc.integer({ max: 64, min: 0 }) }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(agents, (sizes) => {
        const list = sizes.map(({ chars, count }) =>
          agent({ capabilities: Array.from({ length: count }, () => 'x'.repeat(chars)) }),
        );
        const bodies = encodeAnnouncement(1, list);
        expect(bodies.every((body) => body.length <= PART_BYTES_MAX)).toBe(true);
        const found = bodies.flatMap((body) => {
          const part = decodeMessage(body);
          return part.kind === 'announcement' ? part.agents : [];
        });
        expect(found).toEqual(list);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['part beyond parts', { part: 1, parts: 1 }],
    ['too many parts', { part: 0, parts: LIMITS.announcementPartsMax + 1 }],
    ['seq 0', { seq: 0 }],
    ['an unknown field', { x: 1 }],
    ['too many capabilities', { agents: [agent({ capabilities: Array(65).fill('a') })] }],
    ['a long capability', { agents: [agent({ capabilities: ['ü'.repeat(33)] })] }],
    ['a capability with a control character', { agents: [agent({ capabilities: ['a\n'] })] }],
    ['a load over 1000', { agents: [agent({ load: 1001 })] }],
    ['an unknown status', { agents: [agent({ status: 'retired' as never })] }],
    ['a token in lower case', { agents: [agent({ token: '458rv' })] }],
    ['257 agents', { agents: Array.from({ length: 257 }, () => agent()) }],
  ])('is refused with %s', (_name, wrong) => {
    const body = { v: 1, kind: 'announcement', seq: 1, part: 0, parts: 1, agents: [], ...wrong };
    const refusal = expect.objectContaining({ code: 'ERR_WIRE_MALFORMED' });
    expect(() => decodeMessage(encodeCanonical(body))).toThrow(refusal);
  });
});

describe('a beat', () => {
  it('names an announcement by the hash of all of its parts', () => {
    const bodies = encodeAnnouncement(
      1,
      Array.from({ length: 40 }, () => largest),
    );
    const hash = announcementHash(sha256, bodies);
    expect(decodeMessage(encodeBeat(1, hash))).toEqual({ v: 1, kind: 'beat', seq: 1, hash });
    expect(announcementHash(sha256, [...bodies].reverse())).not.toEqual(hash);
    expect(announcementHash(sha256, bodies.slice(1))).not.toEqual(hash);
  });
});

describe('parsePatch', () => {
  it('takes what is given and says what is wrong', () => {
    expect(parsePatch({ load: 5 })).toEqual({ load: 5 });
    expect(parsePatch({})).toEqual({});
    for (const [patch, path] of [
      [{ load: 1.5 }, 'load'],
      [{ status: 'unreachable' }, 'status'],
      [{ capabilities: ['ok', ''] }, 'capabilities.1'],
      [{ capabilities: ['half \ud800'] }, 'capabilities.0'],
      [{ capabilities: ['\ufeffmarked'] }, 'capabilities.0'],
      [{ model: 'x' }, ''],
      [null, ''],
    ] as const) {
      expect(() => parsePatch(patch)).toThrow(
        expect.objectContaining({ code: 'ERR_CAPABILITY_ANNOUNCEMENT', details: { path } }),
      );
    }
  });
});
