import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecoveryKey } from '../../../../../daemon/cli/input/recovery-key-source.ts';

const KEY = `cooee-recovery1${'a2'.repeat(26)}`;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cooee-recovery-'));
  const mode = 0o600;
  await writeFile(join(folder, 'good'), `${KEY}\n`, { mode });
  await writeFile(join(folder, 'empty'), '\n', { mode });
  await writeFile(join(folder, 'long'), 'a'.repeat(100_000), { mode });
  await writeFile(join(folder, 'open'), `${KEY}\n`, { mode: 0o644 });
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function read(
  argument: string | undefined,
  { typed, chunks = [] }: { readonly typed?: boolean; readonly chunks?: readonly string[] } = {},
) {
  const modes: boolean[] = [];
  const written: string[] = [];
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  };
  const stdin = Object.assign(source(), {
    isTTY: typed,
    setRawMode: (isRaw: boolean) => modes.push(isRaw),
  });
  const stderr = { write: (text: string) => written.push(text) };
  const key = await readRecoveryKey({ argument, stdin, stderr });
  return { key, modes, written: written.join('') };
}

describe('readRecoveryKey', () => {
  it('reads a file, or stdin in pieces', async () => {
    expect((await read(`@${join(folder, 'good')}`)).key).toBe(KEY);
    const chunks = [KEY.slice(0, 9), `${KEY.slice(9)}\n`];
    expect((await read('-', { chunks })).key).toBe(KEY);
    expect((await read(undefined, { chunks })).key).toBe(KEY);
  });

  it('refuses a file that others can read, and says how it is given then', async () => {
    const path = join(folder, 'open');
    await expect(read(`@${path}`)).rejects.toMatchObject({
      code: 'ERR_API_USAGE',
      message: `others can read the recovery key in ${path}`,
      remedy: `Run: chmod 600 ${path}; where that is not possible, give it by --key - < ${path}`,
    });
  });

  it('asks on a terminal, and shows nothing of it', async () => {
    const { key, modes, written } = await read(undefined, {
      typed: true,
      chunks: [KEY.slice(0, 20), `${KEY.slice(20)}\rmore`],
    });
    expect({ key, modes }).toEqual({ key: KEY, modes: [true, false] });
    expect(written).not.toContain(KEY.slice(0, 20));
  });

  it('takes back what was mistyped there, as every prompt does', async () => {
    const chunks = [`wrong\u0015${KEY.slice(0, 20)}x\u007fyz\b\b`, `${KEY.slice(20)}\r`];
    expect((await read(undefined, { typed: true, chunks })).key).toBe(KEY);
  });

  it.each([
    ['the key itself, which all users could read', KEY, {}],
    ['an empty file', '@empty', {}],
    ['no file', '@missing', {}],
    ['a file that is far too long', '@long', {}],
    ['nothing typed', undefined, { typed: true, chunks: ['\r'] }],
    ['an interrupt', undefined, { typed: true, chunks: ['abc\u0003'] }],
  ])('refuses %s', async (_name, argument, input) => {
    const given = argument?.startsWith('@') ? `@${join(folder, argument.slice(1))}` : argument;
    await expect(read(given, input)).rejects.toMatchObject({ code: 'ERR_API_USAGE' });
  });
});
