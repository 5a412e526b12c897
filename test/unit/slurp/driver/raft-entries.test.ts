import { describe, expect, it } from 'vitest';
import type { Ready } from '../../../../protocols/raft/index.ts';
import { heldBefore } from '../../../../protocols/slurp/driver/raft-entries.ts';

const entry = (index: number) => ({ index, term: 3, bytes: new Uint8Array([1]) });
const ready = (asked: Partial<Ready>): Ready => ({
  ...{ entries: [], messagesNow: [], messagesAfter: [], commit: 9 },
  ...{ reads: [], isProposalDropped: false, ...asked },
});

describe('heldBefore', () => {
  it('is what lies before the entries that are to be written', () => {
    expect(heldBefore(ready({ entries: [entry(7), entry(8)] }))).toBe(6);
  });

  it('is what lies before the cut, where the log holds other entries still', () => {
    expect(heldBefore(ready({ truncateFrom: 5 }))).toBe(4);
    expect(heldBefore(ready({ truncateFrom: 5, entries: [entry(5)] }))).toBe(4);
  });

  it('is everything when neither entries are written nor any cut', () => {
    expect(heldBefore(ready({}))).toBe(Number.POSITIVE_INFINITY);
  });
});
