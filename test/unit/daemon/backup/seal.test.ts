import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { beforeAll, describe, expect, it } from 'vitest';
import { seal, unseal } from '../../../../daemon/backup/seal.ts';

// Goal: only the passphrase opens it, and every other end has a name.

const PASSPHRASE = 'five random words are enough';
/** Of those that are opened many times; the default takes a second for each. */
const WORK_FACTOR = 4;
const CONTENT = new Uint8Array(200_000).map((_, at) => at % 251);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

async function outcome(bytes: Uint8Array, passphrase = PASSPHRASE): Promise<string> {
  try {
    const opened = await collect(await unseal(once(bytes), passphrase));
    return opened.equals(CONTENT) ? 'opened' : 'other content';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a sealed archive', () => {
  let sealed: Buffer;
  beforeAll(async () => {
    sealed = await collect(await seal(once(CONTENT), PASSPHRASE, WORK_FACTOR));
  });

  it('takes as much work to open as those of age', async () => {
    const asked = await collect(await seal(once(CONTENT), PASSPHRASE));
    expect(asked.toString('latin1').split('\n')[1]).toMatch(/^-> scrypt \S{22} 18$/);
    expect(await outcome(asked)).toBe('opened');
  });

  it('is an age file that the passphrase opens, and no other', async () => {
    expect(sealed.toString('latin1', 0, 32)).toBe('age-encryption.org/v1\n-> scrypt ');
    expect(sealed.indexOf(CONTENT.subarray(0, 64))).toBe(-1);
    expect(await outcome(sealed)).toBe('opened');
    expect(await outcome(sealed, `${PASSPHRASE} `)).toBe('ERR_BACKUP_PASSPHRASE');
  });

  it('that was cut or changed behind its header is damaged', async () => {
    const header = sealed.length - CONTENT.length - 200;
    for (const end of [sealed.length - 1, sealed.length - 70_000, header + 250]) {
      expect(await outcome(sealed.subarray(0, end))).toBe('ERR_BACKUP_DAMAGED');
    }
    const changed = Buffer.from(sealed);
    changed[sealed.length - 1_000] = (changed[sealed.length - 1_000] ?? 0) ^ 1;
    expect(await outcome(changed)).toBe('ERR_BACKUP_DAMAGED');
  });

  it('that was cut within its header is damaged, or none', async () => {
    for (const end of [32, 60, 120]) {
      expect(await outcome(sealed.subarray(0, end))).toBe('ERR_BACKUP_DAMAGED');
    }
    expect(await outcome(sealed.subarray(0, 20))).toBe('ERR_BACKUP_FOREIGN');
  });

  it('is none when it is empty, text, or sealed to a key', async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(await generateX25519Identity()));
    const foreign = await encrypter.encrypt(CONTENT);
    for (const bytes of [new Uint8Array(0), Buffer.from('hello'), foreign]) {
      expect(await outcome(bytes)).toBe('ERR_BACKUP_FOREIGN');
    }
  });

  it('whose header does not end is refused before the memory is full', async () => {
    for (const beginning of [
      'age-encryption.org/v1\n-> scrypt ',
      'age-encryption.org/v1\n-> scrypt c2FsdHNhbHRzYWx0c2FsdA 18\n',
    ]) {
      let given = 0;
      async function* endless(): AsyncGenerator<Uint8Array> {
        yield Buffer.from(beginning);
        for (; given < 512; given += 1) yield new Uint8Array(64 * 1024).fill(0x41);
      }
      const opened = unseal(endless(), PASSPHRASE);
      await expect(opened).rejects.toMatchObject({ code: 'ERR_BACKUP_DAMAGED' });
      expect(given).toBeLessThan(4);
    }
  });

  it('that asks for more work than is reasonable is refused', async () => {
    const text = sealed.toString('latin1').replace(/ 4\n/, ' 30\n');
    expect(text.split('\n')[1]).toMatch(/ 30$/);
    expect(await outcome(Buffer.from(text, 'latin1'))).toBe('ERR_BACKUP_DAMAGED');
  });
});
