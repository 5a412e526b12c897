// Goal: who asks for what stands at an address gets it however the address is written, and who
// mistypes one is told so.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Daemon } from '../../../../../daemon/daemon.ts';
import { SubmissionServices } from '../../../../../daemon/services/submissions/submission-services.ts';
import type { Crypto } from '../../../../../protocols/interface/index.ts';
import { MeshState } from '../../../../../protocols/slurp/index.ts';

const ADDRESS = 'ucxl://any:architect@shop:checkout/#/x';
const sha256 = (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest());

function services(): SubmissionServices {
  const state = new MeshState();
  const author = { peer: 'peer-a' };
  const record = { kind: 'dr', address: ADDRESS, title: 'T', author, version: 1 } as const;
  const times = { index: 7, timeMs: 1, acceptedMs: 1 };
  state.merge([
    { table: 'submission', key: 'ida', value: { ...record, ...times } },
    { table: 'addressed', key: ADDRESS, value: { versions: 1, id: 'ida' } },
  ]);
  const parts = {
    state,
    snapshots: { assertSound: () => undefined },
    refusals: { list: () => [] },
    outbox: { undecided: () => [] },
  };
  return new SubmissionServices(
    { soundNode: { parts } } as unknown as Daemon,
    { sha256 } as Crypto,
  );
}

describe('list', () => {
  it.each([
    ADDRESS,
    'ucxl://any:architect@shop:checkout/*^/x',
    'ucxl://any:architect@shop:checkout/~~1/x',
  ])('finds what stands at %s', (address) => {
    const { submissions } = services().list({ address, limit: 10 });
    expect(submissions.map(({ id }) => id)).toEqual(['ida']);
  });

  it('refuses what is no address', () => {
    expect(() => services().list({ address: 'nonsense', limit: 10 })).toThrow(
      expect.objectContaining({ code: 'ERR_UCXL_SYNTAX' }),
    );
  });
});
