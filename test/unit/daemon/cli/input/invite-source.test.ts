import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkInviteShape, readInvite } from '../../../../../daemon/cli/input/invite-source.ts';

const INVITE = `cooee1${'a2'.repeat(40)}`;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cooee-invite-'));
  await writeFile(join(folder, 'good'), `${INVITE.slice(0, 40)}\n  ${INVITE.slice(40)}\r\n`);
  await writeFile(join(folder, 'empty'), '\n');
  await writeFile(join(folder, 'long'), 'a'.repeat(100_000));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function* stdin(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

const read = (argument?: string, env?: string, ...chunks: string[]) =>
  readInvite({ argument, env, stdin: stdin(...chunks) });

describe('readInvite', () => {
  it('takes the argument before the environment', async () => {
    expect(await read(INVITE, 'cooee1other')).toBe(INVITE);
  });

  it('takes COOEE_INVITE, unless it is empty', async () => {
    expect(await read(undefined, INVITE)).toBe(INVITE);
    expect(await read(undefined, '')).toBeUndefined();
    expect(await read()).toBeUndefined();
  });

  it('reads stdin, in pieces and with white space', async () => {
    expect(await read('-', undefined, INVITE.slice(0, 9), `${INVITE.slice(9)}\n`)).toBe(INVITE);
  });

  it('reads a file, wrapped as mail wraps it', async () => {
    expect(await read(`@${join(folder, 'good')}`)).toBe(INVITE);
    expect(await read(undefined, `@${join(folder, 'good')}`)).toBe(INVITE);
  });

  it.each([
    ['empty stdin', '-', 'ERR_API_USAGE'],
    ['empty file', '@empty', 'ERR_API_USAGE'],
    ['no file', '@missing', 'ERR_API_USAGE'],
    ['a folder', '@.', 'ERR_API_USAGE'],
    ['a file that is far too long', '@long', 'ERR_MEMBERSHIP_INVITE_MALFORMED'],
    ['an argument that is too long', 'a'.repeat(1_025), 'ERR_MEMBERSHIP_INVITE_MALFORMED'],
  ])('refuses %s', async (_, argument, code) => {
    const given = argument.startsWith('@') ? `@${join(folder, argument.slice(1))}` : argument;
    await expect(read(given)).rejects.toMatchObject({ code });
  });
});

describe('checkInviteShape', () => {
  it('takes what looks like one', () => {
    expect(() => checkInviteShape(INVITE)).not.toThrow();
    // As the codes that cameras read have it.
    expect(() => checkInviteShape(INVITE.toUpperCase())).not.toThrow();
  });

  it.each(['', 'hello', 'cooee1', 'cooee2aaaaaaaaaaaaaaaaaaaa', `${INVITE}!`])(
    'refuses "%s"',
    (text) => {
      expect(() => checkInviteShape(text)).toThrow(
        expect.objectContaining({ code: 'ERR_MEMBERSHIP_INVITE_MALFORMED' }),
      );
    },
  );
});
