import { parseTinyHash } from '../../agent-id/index.ts';
import { refuseRecord } from './refusal.ts';

/** First part of every key: the namespace by which kad-dht finds validator and selector. */
export const DHT_NAMESPACE = 'cooee';

/** Longer than any key of ours. */
const KEY_BYTES_MAX = 256;

const TOKEN = /^[0-9A-HJKMNP-TV-Z]{5}(?:[0-9A-HJKMNP-TV-Z]{3})?$/;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true });

/** What a key of the DHT names. */
export type DhtName =
  | { readonly kind: 'head' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'hash'; readonly tinyHash: string };

/** Key of the newest signed head. */
export function headKey(mesh: string): Uint8Array {
  return utf8.encode(`/${DHT_NAMESPACE}/head/${mesh}`);
}

/** Key of an agent by its token, in canonical form. */
export function tokenKey(mesh: string, token: string): Uint8Array {
  return utf8.encode(`/${DHT_NAMESPACE}/token/${mesh}/${token}`);
}

/**
 * Key of an agent by the tiny hash of its tuple, in canonical form. Two agents may share one: then
 * the record of the one that changed last stands there.
 */
export function hashKey(mesh: string, tinyHash: string): Uint8Array {
  return utf8.encode(`/${DHT_NAMESPACE}/hash/${mesh}/${tinyHash}`);
}

/** The key of a name. */
export function keyOf(mesh: string, name: DhtName): Uint8Array {
  if (name.kind === 'token') return tokenKey(mesh, name.token);
  if (name.kind === 'hash') return hashKey(mesh, name.tinyHash);
  return headKey(mesh);
}

/**
 * What a key names in this mesh.
 *
 * @throws CooeeError ERR_SLURP_RECORD: `key`, `namespace` or `mesh`
 */
export function parseKey(mesh: string, key: Uint8Array): DhtName {
  const [empty, namespace, kind, of, id, ...more] = textOf(key).split('/');
  if (empty !== '' || namespace !== DHT_NAMESPACE || kind === undefined) throw refuseRecord('key');
  if (kind !== 'head' && kind !== 'token' && kind !== 'hash') throw refuseRecord('namespace');
  if (of !== mesh) throw refuseRecord('mesh');
  if (more.length > 0 || (kind === 'head') !== (id === undefined)) throw refuseRecord('key');
  if (kind === 'token' && id !== undefined && TOKEN.test(id)) return { kind, token: id };
  if (kind === 'hash' && id !== undefined && isTinyHash(id)) return { kind, tinyHash: id };
  if (kind === 'head') return { kind };
  throw refuseRecord('key');
}

function textOf(key: Uint8Array): string {
  if (key.length > KEY_BYTES_MAX) throw refuseRecord('key');
  try {
    return fromUtf8.decode(key);
  } catch (cause) {
    throw refuseRecord('key', { cause });
  }
}

function isTinyHash(text: string): boolean {
  try {
    return parseTinyHash(text) === text;
  } catch {
    return false;
  }
}
