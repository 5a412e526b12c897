import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  handOutRecoveryKey,
  keepRecoveryKey,
  parseRecoveryKey,
  recoveryKeyText,
  setRecoveryKeyAside,
} from '../../../../daemon/mesh/recovery-key.ts';
import { temporaryFolders } from '../../storage/temporary-folder.ts';

const temporaryFolder = temporaryFolders();
const seed = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);

describe('the text of a recovery key', () => {
  it('comes back as the seed, with what a file or a person adds around it', () => {
    expect(parseRecoveryKey(` ${recoveryKeyText(seed)}\r\n`)).toEqual(seed);
  });

  it.each([
    ['nothing', ''],
    ['another beginning', recoveryKeyText(seed).slice(1)],
    ['a letter too few', recoveryKeyText(seed).slice(0, -4)],
    ['what is no base32', `${recoveryKeyText(seed).slice(0, -1)}!`],
  ])('is refused: %s', (_name, text) => {
    expect(() => parseRecoveryKey(text)).toThrow(
      expect.objectContaining({
        ...{ code: 'ERR_SLURP_RECOVERY', details: { reason: 'key' } },
        remedy: expect.stringContaining('cooee-recovery1'),
      }),
    );
  });
});

async function homeOf(): Promise<{ file: (name: string) => string }> {
  const folder = await temporaryFolder();
  return { file: (name) => join(folder, name) };
}

/** A terminal, or one that is gone when it is written to. */
function terminalOf(fault?: Error): { terminal: Writable; shown: string[] } {
  const shown: string[] = [];
  const terminal = new Writable({
    write: (chunk, _encoding, done) => {
      if (fault === undefined) shown.push(String(chunk));
      done(fault);
    },
  });
  terminal.on('error', () => undefined);
  return { terminal, shown };
}

describe('handing out a recovery key', () => {
  it('removes the file when a terminal has shown the key', async () => {
    const home = await homeOf();
    const file = await keepRecoveryKey(home, seed);
    const { terminal, shown } = terminalOf();
    const remarks: string[] = [];
    await handOutRecoveryKey(home, { seed, terminal, remark: (text) => remarks.push(text) });
    expect(shown.join('')).toContain(`recovery key  ${recoveryKeyText(seed)}\n`);
    expect([existsSync(file), remarks]).toEqual([false, []]);
  });

  it.each([
    ['there is no terminal', { seed, terminal: undefined }],
    ['the terminal is gone', { seed, ...terminalOf(new Error('EIO')) }],
    ['an earlier start made the mesh', { seed: undefined, ...terminalOf() }],
  ])('names the file, which stays, when %s', async (_name, init) => {
    const home = await homeOf();
    const file = await keepRecoveryKey(home, seed);
    const remarks: string[] = [];
    await handOutRecoveryKey(home, { ...init, remark: (text) => remarks.push(text) });
    expect(remarks.join('')).toContain(`recovery key is in ${file}; move it off this host\n`);
    expect(readFileSync(file, 'utf8')).toBe(`${recoveryKeyText(seed)}\n`);
  });

  it('leaves the key of a mesh that was made meanwhile', async () => {
    const home = await homeOf();
    const file = await keepRecoveryKey(home, seed.toReversed());
    const { terminal } = terminalOf();
    await handOutRecoveryKey(home, { seed, terminal, remark: () => undefined });
    expect(existsSync(file)).toBe(true);
  });

  it('says nothing where there is no key', async () => {
    const remarks: string[] = [];
    const remark = (text: string) => remarks.push(text);
    await handOutRecoveryKey(await homeOf(), { seed: undefined, terminal: undefined, remark });
    expect(remarks).toEqual([]);
  });
});

describe('setting a recovery key aside', () => {
  it('moves it into a folder that need not be there; without a key makes none', async () => {
    const home = await homeOf();
    await setRecoveryKeyAside(home, home.file('old/none'));
    expect(existsSync(home.file('old'))).toBe(false);
    const file = await keepRecoveryKey(home, seed);
    await setRecoveryKeyAside(home, home.file('old/here'));
    expect(existsSync(file)).toBe(false);
    expect(readFileSync(home.file('old/here/RECOVERY-KEY'), 'utf8')).toContain('cooee-recovery1');
  });
});
