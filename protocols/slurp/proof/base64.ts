import { base64pad } from 'multiformats/bases/base64';
import { CooeeError } from '../../interface/index.ts';

/** Base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  return base64pad.baseEncode(bytes);
}

/** @throws CooeeError ERR_WIRE_MALFORMED */
export function fromBase64(text: string): Uint8Array {
  try {
    return base64pad.baseDecode(text);
  } catch (cause) {
    throw new CooeeError('ERR_WIRE_MALFORMED', 'not base64', { cause });
  }
}
