import { Decrypter, Encrypter } from 'age-encryption';
import { CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import { damagedBackup } from './archive-codec.ts';

/** https://age-encryption.org/v1: the first line of every age file, and of its only stanza. */
const AGE_BEGINNING = 'age-encryption.org/v1\n';
const PASSPHRASE_BEGINNING = `${AGE_BEGINNING}-> scrypt `;
/** The last line of a header, whole. */
const HEADER_END = /\n--- [^\n]*\n/u;
/** One scrypt stanza makes 150. The library reads a header to its end, however far that is. */
const HEADER_BYTES_MAX = 1024;

/** Of scrypt, as a binary logarithm: what age uses. */
const WORK_FACTOR = 18;

/**
 * What comes out is an age file (https://age-encryption.org/v1) with one scrypt recipient, which
 * `age --decrypt` opens too. Deriving the key takes about a second and 256 MiB, on this thread.
 */
export async function seal(
  chunks: AsyncIterable<Uint8Array>,
  passphrase: string,
  workFactor = WORK_FACTOR,
): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(workFactor);
  encrypter.setPassphrase(passphrase);
  return await encrypter.encrypt(ReadableStream.from(chunks));
}

/**
 * Opens what {@link seal} made.
 *
 * @throws CooeeError ERR_BACKUP_FOREIGN when it is no age file with a passphrase;
 * ERR_BACKUP_PASSPHRASE; while it is read, ERR_BACKUP_DAMAGED
 */
export async function unseal(
  chunks: AsyncIterable<Uint8Array>,
  passphrase: string,
): Promise<AsyncIterable<Uint8Array>> {
  const { first, all } = await beginning(chunks);
  if (!first.startsWith(PASSPHRASE_BEGINNING)) throw new CooeeError('ERR_BACKUP_FOREIGN');
  if (!HEADER_END.test(first)) throw damagedBackup('its header was changed or cut');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return named(await decrypter.decrypt(ReadableStream.from(all)));
  } catch (cause) {
    // The library says what was wrong in words only.
    if (isCooeeError(cause)) throw cause;
    const isWrong = cause instanceof Error && cause.message.startsWith('no identity matched');
    if (isWrong) throw new CooeeError('ERR_BACKUP_PASSPHRASE', undefined, { cause });
    throw damagedBackup('its header was changed or cut', cause);
  }
}

/** The first bytes as text, up to the end of the header, and the whole with them. */
async function beginning(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ first: string; all: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let first = '';
  const read: Uint8Array[] = [];
  while (first.length < HEADER_BYTES_MAX && !HEADER_END.test(first)) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    read.push(value);
    first += Buffer.from(value.subarray(0, HEADER_BYTES_MAX)).toString('latin1');
  }
  return { first: first.slice(0, HEADER_BYTES_MAX), all: rejoined(read, iterator) };
}

async function* rejoined(
  read: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* read;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** What the library throws behind the header is damage, or the end that came too early. */
async function* named(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (cause) {
    if (isCooeeError(cause)) throw cause;
    throw damagedBackup('it was changed or cut', cause);
  }
}
