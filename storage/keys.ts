import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import {
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption';
import type { Logger } from '../protocols/interface/index.ts';
import {
  damaged,
  FILE_MODE,
  readTextBounded,
  systemCode,
  toStorageError,
  writeDurable,
} from './durable-file.ts';

/** The part of a home that holds keys. */
export interface KeyFolder {
  readonly path: string;
  readonly logger: Logger;
}

/** Post-quantum hybrid (ML-KEM-768 and X25519), or X25519 alone. */
export type AgeKind = 'hybrid' | 'x25519';

/** An age identity of this node. */
export interface AgeKey {
  readonly kind: AgeKind;
  /** Secret: `AGE-SECRET-KEY-…`. */
  readonly identity: string;
  /** Public: `age1…` or `age1pq1…`. */
  readonly recipient: string;
}

const NODE_KEY_FILE = 'node.key';
const AGE_KEY_FILE = 'age.key';
const KEY_BYTES_MAX = 4096;
const SEED_BYTES = 32;
const AGE_PREFIX: Readonly<Record<AgeKind, string>> = {
  hybrid: 'AGE-SECRET-KEY-PQ-1',
  x25519: 'AGE-SECRET-KEY-1',
};

/**
 * The Ed25519 key that is this node's libp2p identity: `node.key`, the libp2p protobuf in base64,
 * mode 0600. Made when there is none; on the disk when this resolves.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED when the file is not an Ed25519 key; ERR_STORAGE_IO,
 * _DISK_FULL
 */
export async function loadOrCreateNodeKey(home: KeyFolder): Promise<Ed25519PrivateKey> {
  const file = join(home.path, NODE_KEY_FILE);
  await tighten(file, home.logger);
  const text = await readTextBounded(file, KEY_BYTES_MAX);
  if (text !== undefined) return parseNodeKey(text, file);
  const key = await generateKeyPair('Ed25519');
  await writeDurable(file, `${Buffer.from(privateKeyToProtobuf(key)).toString('base64')}\n`);
  return key;
}

async function parseNodeKey(text: string, file: string): Promise<Ed25519PrivateKey> {
  const encoded = text.trim();
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) throw damaged(file, 'is not base64');
  const key = decodeKey(bytes, file);
  if (key.type !== 'Ed25519') throw damaged(file, `has a key of type ${key.type}, not Ed25519`);
  // The file has seed and public key, so every flipped bit shows when both are made anew from the
  // seed.
  const derived = await generateKeyPairFromSeed('Ed25519', key.raw.slice(0, SEED_BYTES));
  if (Buffer.compare(privateKeyToProtobuf(derived), bytes) !== 0) {
    throw damaged(file, 'is not the key that its seed makes');
  }
  return key;
}

function decodeKey(bytes: Uint8Array, file: string): ReturnType<typeof privateKeyFromProtobuf> {
  try {
    return privateKeyFromProtobuf(bytes);
  } catch {
    throw damaged(file, 'is not a libp2p private key'); // without a cause: it could quote the key
  }
}

/**
 * The age identity of the wanted kind: `age.key` in the format of age-keygen, mode 0600. Made when
 * there is none. A file may hold one of each kind, so that a change of the setting loses nothing.
 *
 * @throws CooeeError ERR_STORAGE_DAMAGED, ERR_STORAGE_IO, ERR_STORAGE_DISK_FULL
 */
export async function loadOrCreateAgeIdentity(home: KeyFolder, kind: AgeKind): Promise<AgeKey> {
  const file = join(home.path, AGE_KEY_FILE);
  await tighten(file, home.logger);
  const text = (await readTextBounded(file, KEY_BYTES_MAX)) ?? '';
  const keys = await parseAgeKeys(text, file);
  const present = keys.find((key) => key.kind === kind);
  if (present !== undefined) return present;
  if (text !== '' && keys.length === 0) throw damaged(file, 'has no age identity');
  const made = await makeAgeKey(kind);
  await writeDurable(file, [...keys, made].map(formatAgeKey).join(''));
  return made;
}

async function makeAgeKey(kind: AgeKind): Promise<AgeKey> {
  const identity = await (kind === 'hybrid' ? generateHybridIdentity() : generateX25519Identity());
  return { kind, identity, recipient: await identityToRecipient(identity) };
}

function formatAgeKey(key: AgeKey): string {
  return `# public key: ${key.recipient}\n${key.identity}\n`;
}

async function parseAgeKeys(text: string, file: string): Promise<readonly AgeKey[]> {
  const keys: AgeKey[] = [];
  for (const line of text.split('\n')) {
    const identity = line.trim();
    if (identity === '' || identity.startsWith('#')) continue;
    const kind = identity.startsWith(AGE_PREFIX.hybrid) ? 'hybrid' : 'x25519';
    keys.push({ kind, identity, recipient: await recipientOf(identity, file) });
  }
  return keys;
}

async function recipientOf(identity: string, file: string): Promise<string> {
  try {
    return await identityToRecipient(identity);
  } catch {
    throw damaged(file, 'has a line that is not an age identity'); // no cause: it could quote it
  }
}

async function tighten(file: string, logger: Logger): Promise<void> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) === 0) return;
    await chmod(file, FILE_MODE);
    logger.warn({ file, was: (mode & 0o777).toString(8) }, 'a key was open to others; closed it');
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw toStorageError(thrown, file);
  }
}
