import { expect, it } from 'vitest';
import { type FindSource, find } from '../../../../../daemon/services/why/find.ts';
import { nodeCrypto } from '../../../../../daemon/system/crypto.ts';
import { isCooeeError } from '../../../../../protocols/interface/index.ts';
import { MEMBER, TestMesh } from '../../../membership/mesh-fixture.ts';

/** A node that knows a mesh's members and nothing else. */
function source(rights: FindSource['rights'] = 'operator', peers: string[] = []): FindSource {
  const parts = {
    state: new TestMesh().state,
    outbox: { undecided: () => [] },
    refusals: { list: () => [] },
    seen: { door: { peers }, calls: { ids: [] } },
  };
  const submissions = { list: () => ({ submissions: [] }) };
  const { sha256 } = nodeCrypto;
  return { node: { parts }, submissions, sha256, rights } as unknown as FindSource;
}

function codeOf(thing: string): string {
  try {
    return find(source(), thing)
      .map(({ id }) => id)
      .join(' ');
  } catch (error) {
    if (isCooeeError(error)) return error.code;
    throw error;
  }
}

it.each(['12D3', '12D3KooW', 'bafy', 'bafyrei'])('%s is how every id begins', (text) => {
  expect(codeOf(text)).toBe('ERR_API_QUERY');
});

it.each(['12D', 'bafx', '12D3KooX'])('%s is none of what is known', (text) => {
  expect(codeOf(text)).toBe('ERR_API_NOT_FOUND');
});

it('the end of an id, and a beginning past what all have, tell one', () => {
  expect(codeOf(MEMBER.slice(-5))).toBe(MEMBER);
  expect(codeOf(MEMBER.slice(0, 16))).toBe(MEMBER);
});

it('who knocked and was turned away is found by the operator alone', () => {
  const stranger = `12D3KooW${'z'.repeat(44)}`;
  const part = stranger.slice(0, 20);
  expect(find(source('operator', [stranger]), part)).toMatchObject([{ id: stranger }]);
  expect(() => find(source('agent', [stranger]), part)).toThrow(
    expect.objectContaining({ code: 'ERR_API_NOT_FOUND' }),
  );
});
