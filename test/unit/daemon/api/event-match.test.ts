import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileMatch, EVENT_TYPES } from '../../../../daemon/api/event-match.ts';
import { isCooeeError } from '../../../../protocols/interface/index.ts';

describe('match', () => {
  const matcher = (pattern: string) => (address: string) => address === pattern;
  it.each([
    [undefined, 'member:join', true],
    ['*', 'member:join', true],
    ['member:join', 'member:join', true],
    ['member:join', 'member:leave', false],
    ['member:*', 'member:leave', true],
    ['member', 'member:leave', true],
    ['member', 'membership:left', false],
    ['agent:grant, member:*', 'member:leave', true],
    ['ucxl://agentid:458RV', 'agent:grant', true],
    ['ucxl://agentid:4001Y', 'agent:grant', false],
  ])('%s on %s: %s', (pattern, type, expected) => {
    const event = { type, data: null, address: 'ucxl://agentid:458RV' };
    expect(compileMatch(pattern, matcher)(event)).toBe(expected);
  });

  it.each([
    ['member:nosuch', 'member:join, member:leave'],
    ['nosuch:x', 'agent:*, call:*'],
    ['nosuch:*', 'agent:*, call:*'],
    ['member:join,nosuch', 'agent:*, call:*'],
  ])('refuses %s, which never comes, and names what there is', (pattern, known) => {
    const refused = { code: 'ERR_API_QUERY', remedy: expect.stringContaining(known) };
    expect(() => compileMatch(pattern, matcher)).toThrow(expect.objectContaining(refused));
  });

  it.each(['', ',', 'Member:join', 'member:', ':join', 'a b', 'x'.repeat(2000)])(
    'refuses %j',
    (pattern) => {
      expect(() => compileMatch(pattern, matcher)).toThrow(
        expect.toSatisfy((error) => isCooeeError(error, 'ERR_API_QUERY')),
      );
    },
  );
});

describe('the table of types', () => {
  const root = join(import.meta.dirname, '../../../..');

  /** Words of the sources that look like types of events; what other packages say is left out. */
  function written(): ReadonlySet<string> {
    const words = new Set<string>();
    for (const folder of ['daemon', 'protocols']) {
      for (const name of readdirSync(join(root, folder), { recursive: true }).map(String)) {
        if (!name.endsWith('.ts') || name.endsWith('event-match.ts')) continue;
        const text = readFileSync(join(root, folder, name), 'utf8');
        for (const [, word = ''] of text.matchAll(/'([a-z]+:[a-z-]+)'/g)) words.add(word);
      }
    }
    const others = /^(?:node|cooee|connection|relay):|^peer:identify$/;
    return new Set([...words].filter((word) => !others.test(word)));
  }

  it('has what the sources publish, and nothing else', () => {
    // Made of parts: `agent:${change}`.
    const composed = ['agent:back', 'agent:unreachable'];
    expect([...written(), ...composed].sort()).toEqual([...EVENT_TYPES].sort());
  });

  it('stands in docs/api.md', () => {
    const docs = readFileSync(join(root, 'docs/api.md'), 'utf8');
    expect(EVENT_TYPES.filter((type) => !docs.includes(`\`${type}\``))).toEqual([]);
  });
});
