import { describe, expect, it } from 'vitest';
import { member, PEER_A, PEER_B, run } from '../fake-host.ts';

// Goal: whoever filters by an actor may name it as people do; who is nobody is told so.

const answers = {
  listMembers: () => ({
    members: [member({ name: 'beta', peer: PEER_B }), member({ name: 'WS-01', peer: PEER_A })],
  }),
  listCalls: () => ({ calls: [], cursor: null }),
  listSubmissions: () => ({ submissions: [], cursor: null }),
  readLog: () => ({ entries: [], next: null, firstIndex: 1, lastIndex: 0 }),
};

describe.each([
  ['log', '--actor', 'actor'],
  ['calls', '--asker', 'asker'],
  ['submissions', '--author', 'author'],
])('%s %s', (command, option, field) => {
  it.each([
    ['458RV', '458RV'],
    ['458rv', '458RV'],
    ['45-8RV', '458RV'],
    ['beta', PEER_B],
    // A host may be called as if it were a token.
    ['WS-01', PEER_A],
    [PEER_A.slice(-6), PEER_A],
    [PEER_A, PEER_A],
  ])('%s', async (text, actor) => {
    const { exit, calls } = await run([command, option, text], { answers });
    expect(exit).toBe(0);
    expect(calls.at(-1)?.input).toMatchObject({ query: { [field]: actor } });
  });

  it('says that nobody is called so', async () => {
    const { exit, stderr } = await run([command, option, 'nobody'], { answers });
    expect(exit).toBe(3);
    expect(stderr).toContain('no member is called "nobody"');
  });
});
