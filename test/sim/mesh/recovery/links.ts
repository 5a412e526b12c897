import { waitingIn } from '../../../../daemon/mesh/damage/carry-over.ts';
import {
  type KeyValueStore,
  type SeedKey,
  type StoreWrite,
  silentLogger,
} from '../../../../protocols/interface/index.ts';
import { decodeBatch, decodeEntry, RECOVERY_KEYS } from '../../../../protocols/slurp/index.ts';
import { decodeRecovery } from '../../../../protocols/slurp/recovery/recovery-link.ts';
import { decodeCanonical, signingInput, toHex } from '../../../../protocols/wire/index.ts';
import { simCrypto } from '../../world/crypto.ts';
import { OPERATOR } from '../founding.ts';

const KIND = Buffer.from('mesh.recover');
const ID_LENGTH = 16;
const PREFIX_LENGTH = signingInput('recovery', new Uint8Array()).length;

/** By what people and nodes tell recoveries apart. */
export function idOf(link: Uint8Array): string {
  return decodeRecovery(simCrypto.sha256, link).id;
}

/** The recovery in an entry; undefined when it is another entry. */
export function recoveryOf(
  entry: Uint8Array,
): { readonly id: string; readonly epoch: number } | undefined {
  if (!Buffer.from(entry.buffer, entry.byteOffset, entry.length).includes(KIND)) return undefined;
  const [command] = decodeBatch(decodeEntry(entry).batch).value.commands;
  const link = command?.body['link'];
  if (command?.kind !== 'mesh.recover' || !(link instanceof Uint8Array)) return undefined;
  return decodeRecovery(simCrypto.sha256, link);
}

/** The operator's key, which tells what it was used for. */
export function watchedKey(onSigned: (id: string, epoch: number) => void): SeedKey {
  return {
    publicKey: OPERATOR.publicKey,
    sign: (data) => {
      const body = data.subarray(PREFIX_LENGTH);
      const { epoch } = decodeCanonical(body, 4_096) as { readonly epoch: number };
      onSigned(toHex(simCrypto.sha256(body)).slice(0, ID_LENGTH), epoch);
      return OPERATOR.sign(data);
    },
  };
}

/** What the daemon keeps when it sets a home aside that a recovery left behind. */
export async function keptRows(store: KeyValueStore): Promise<readonly StoreWrite[]> {
  const writes: StoreWrite[] = [...(await waitingIn(store, silentLogger))];
  for (const key of RECOVERY_KEYS) {
    const value = await store.get('head', key);
    if (value !== undefined) writes.push({ namespace: 'head', key, value });
  }
  return writes;
}
