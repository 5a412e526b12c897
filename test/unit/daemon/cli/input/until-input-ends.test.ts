import { PassThrough } from 'node:stream';
import { isCancel, password } from '@clack/prompts';
import { describe, expect, it } from 'vitest';
import { untilInputEnds } from '../../../../../daemon/cli/input/until-input-ends.ts';

/** The real prompt, on streams; what is typed comes when it asks. */
async function typing(keys: string | undefined): Promise<unknown> {
  const input = new PassThrough();
  const streams = { input, output: new PassThrough() } as never as {
    readonly input: typeof process.stdin;
    readonly output: typeof process.stdout;
  };
  setImmediate(() => (keys === undefined ? input.end() : input.write(keys)));
  const ask = (signal: AbortSignal) => password({ message: 'Which?', signal, ...streams });
  return await untilInputEnds(ask, input);
}

describe('a prompt', () => {
  it.each([
    ['Ctrl-D', '\u0004'],
    ['Ctrl-C', '\u0003'],
    ['the end of the input', undefined],
  ])('is called off by %s', async (_what, keys) => {
    expect(isCancel(await typing(keys))).toBe(true);
  });

  it('gives what was typed', async () => {
    expect(await typing('secret\r')).toBe('secret');
  });
});
