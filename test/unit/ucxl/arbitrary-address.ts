import fc from 'fast-check';
import type { AgentIdAddress, RecordAddress, Temporal } from '../../../protocols/ucxl/index.ts';

const letters = fc.constantFrom(...'abzAZ09.-_~^#%?模é𝛼');
const name = fc.oneof(
  fc.constant('any'),
  fc.constant('agentid'),
  fc.string({ unit: letters, minLength: 1, maxLength: 12 }),
);
const segment = fc
  .string({ unit: fc.oneof(letters, fc.constantFrom(':', '@')), minLength: 1, maxLength: 12 })
  .filter((text) => text !== '.' && text !== '..');
const count = fc.integer({ min: 1, max: 999_999_999_999_999 });

export const temporals: fc.Arbitrary<Temporal> = fc.oneof(
  fc.constant({ kind: 'now' } as const),
  fc.record({ kind: fc.constantFrom('back', 'forward'), steps: count }),
  fc.record({ kind: fc.constant('version'), version: count }),
);

export const recordAddresses: fc.Arbitrary<RecordAddress> = fc.record({
  kind: fc.constant('record'),
  agent: name,
  role: fc.option(name),
  project: name,
  task: name,
  temporal: temporals,
  path: fc.array(segment, { maxLength: 5 }).map((segments) => segments.join('/')),
});

const symbols = fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZ');
const idOf = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: symbols, minLength: length, maxLength: length });

export const agentIdAddresses: fc.Arbitrary<AgentIdAddress> = fc.oneof(
  fc.record({
    kind: fc.constant('agentid'),
    form: fc.constant('token'),
    id: fc.oneof(idOf(5), idOf(8)),
  }),
  fc.record({ kind: fc.constant('agentid'), form: fc.constant('tiny-hash'), id: idOf(10) }),
);
