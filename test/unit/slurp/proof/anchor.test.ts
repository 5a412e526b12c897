import { describe, expect, it } from 'vitest';
import { parseAnchor } from '../../../../protocols/slurp/proof/index.ts';
import { names, some } from '../heads/voters.ts';
import { formatAnchor } from './anchor-line.ts';

const anchor = { index: 12, root: new Uint8Array(32).fill(0xab), voters: names(some(1, 2, 3)) };
const text = formatAnchor(anchor);
const [index, root, voters] = text.split(':') as [string, string, string];

describe('an anchor', () => {
  it('comes back from its line', () => {
    expect(parseAnchor(text)).toEqual(anchor);
    expect(parseAnchor(`  ${text}\n`)).toEqual(anchor);
  });

  it.each([
    '',
    index,
    `${index}:${root}`,
    `${index}:${root}:`,
    `x:${root}:${voters}`,
    `-1:${root}:${voters}`,
    `${index}:${root.slice(2)}:${voters}`,
    `${index}:${root}:${voters},nobody`,
    `${index}:${root}:${Array.from({ length: 10 }, () => voters.split(',')[0]).join(',')}`,
    `${text}:more`,
  ])('is not %j', (wrong) => {
    expect(() => parseAnchor(wrong)).toThrow(expect.objectContaining({ code: 'ERR_API_USAGE' }));
  });
});
